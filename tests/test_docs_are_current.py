"""The pages made from the code say what the code says now."""

import pytest

from docs import generate


@pytest.mark.parametrize("name", ["settings.md", "errors.md", "roles.md", "audit-events.md", "file-plan.md"])
def test_a_made_page_is_what_make_docs_would_write_now(name: str) -> None:
    assert (generate.FOLDER / name).read_text("utf-8") == generate.pages()[name], "run: make docs"
