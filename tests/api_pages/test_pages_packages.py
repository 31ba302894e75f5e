"""Transfer and permanent keeping on the pages: offered in the workbench, shown to the approver, handed over, ended."""

from datetime import timedelta
from pathlib import Path

import pytest

from retention import batch as batches
from retention import package
from tests.api_pages.test_pages_dispositions import Desk, desk
from tests.support import packages

__all__ = ["desk"]


def test_the_workbench_offers_both_and_says_what_is_missing(desk: Desk) -> None:
    path = desk.proposed()
    text = desk.get("manager", path).text
    assert 'value="transfer"' in text
    assert 'value="permanent"' in text
    one, two, three = (str(each) for each in desk.records)
    answer = desk.post("manager", f"{path}/decisions", True, record=one, decision="transfer")
    assert answer.status_code == 422
    assert "takes the provision" in answer.text
    answer = desk.post("manager", f"{path}/decisions", True, record=two, decision="permanent", authority="Art. 89")
    assert answer.status_code == 422
    word = {"authority": "BArchG § 5", "reason": "of value"}
    assert desk.post("manager", f"{path}/decisions", True, record=one, decision="transfer", **word).status_code == 200
    assert desk.post("manager", f"{path}/decisions", True, record=two, decision="permanent", **word).status_code == 200
    desk.post("manager", f"{path}/decisions", True, record=three, decision="destroy")
    assert sorted(each or "" for each in desk.decisions(path).values()) == ["destroy", "permanent", "transfer"]
    desk.post("manager", f"{path}/submission")
    shown = desk.get("officer", path).text
    assert "One record will be destroyed." in shown
    assert "One record is packed for an archive" in shown
    assert "One record is kept permanently" in shown
    assert "BArchG § 5" in shown


def test_a_package_is_handed_over_stated_by_one_and_confirmed_by_another(desk: Desk) -> None:
    row = packages.made(desk.depot, "transfer")
    path, digest = f"/packages/{row.id}", row.sha256.hex()  # type: ignore[union-attr]
    assert "To be handed over" in desk.get("manager", path).text
    assert digest in desk.get("auditor", path).text
    assert desk.get("clerk", path).status_code in (403, 404)
    today = desk.depot.today.isoformat()
    form = {"archive": "<b>City</b> archive", "reference": "Acc. 1", "acknowledged_on": today, "sha256": digest}
    assert desk.post("manager", f"{path}/acknowledgement", **form).status_code == 409, "nobody has taken it"
    taken = desk.get("manager", f"{path}/content")
    assert (taken.status_code, taken.content[:2]) == (200, b"PK")
    assert taken.headers["muniment-package-sha256"] == digest
    wrong = desk.post("manager", f"{path}/acknowledgement", **form | {"sha256": "0" * 64})
    assert wrong.status_code == 409
    assert "not that of this package" in wrong.text
    assert desk.post("manager", f"{path}/acknowledgement", **form).status_code == 303
    text = desk.get("officer", path).text
    assert "&lt;b&gt;City" in text
    assert "Waits for a second person" in text
    decision = f"{path}/acknowledgement/decision"
    assert desk.post("officer", decision, word="confirm", sha256=digest).status_code == 422, "the box is not ticked"
    assert desk.post("manager", decision, word="confirm", sha256=digest, looked="1").status_code == 403
    assert desk.post("officer", decision, word="confirm", sha256=digest, looked="1").status_code == 303
    assert "Confirmed; the records go with the next run" in desk.get("officer", path).text


def test_a_transfer_is_called_off_on_its_page(desk: Desk) -> None:
    row = packages.made(desk.depot, "transfer")
    assert desk.post("auditor", f"/packages/{row.id}/end").status_code == 403
    assert desk.post("manager", f"/packages/{row.id}/end").status_code == 303
    assert "Called off; the records are kept" in desk.get("manager", f"/packages/{row.id}").text
    assert {each.state for each in desk.depot.items(row.batch).values()} <= {batches.KEPT}
    assert desk.get("manager", f"/packages/{row.id}/content").status_code == 409


def test_what_is_kept_permanently_is_listed_and_its_end_takes_two(desk: Desk, tmp_path: Path) -> None:
    assert "Nothing is kept permanently by decision" in desk.get("manager", "/keepings").text
    kept = packages.kept_one(desk.depot)
    text = desk.get("manager", "/keepings").text
    assert packages.BASIS in text
    assert f"/keepings/{kept}/end" in text
    assert f"/keepings/{kept}/end" not in desk.get("auditor", "/keepings").text
    assert desk.post("manager", f"/keepings/{kept}/end", reason="").status_code == 422
    assert desk.post("manager", f"/keepings/{kept}/end", reason="not of value").status_code == 303
    assert desk.post("manager", f"/keepings/{kept}/end/decision", word="confirm").status_code == 403
    assert "not of value" in desk.get("officer", "/keepings").text
    assert desk.post("officer", f"/keepings/{kept}/end/decision", word="confirm").status_code == 303
    assert "Ended" in desk.get("officer", "/keepings").text


def test_a_package_that_could_not_be_made_says_why(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from app import packing
    from vault.store import StoreUnwritable

    made = packages.approved(desk.depot, desk.records[:1])

    def refused(*_: object, **__: object) -> object:
        raise StoreUnwritable("the disk is full")

    monkeypatch.setattr(packing, "seal_into", refused)
    desk.depot.carry_out(at=desk.depot.after_grace() + timedelta(days=1))
    [row] = packages.packages(desk.depot, made)
    assert row.state == package.MAKING
    text = desk.get("manager", f"/packages/{row.id}").text
    assert "Could not be made yet" in text
    assert "disk unwritable" in text
    batch = desk.get("manager", f"/dispositions/{made}").text
    assert "Partly failed" in batch
    # The record is there as before.
    assert f"/stubs/{desk.records[0]}" not in batch
    assert f"/records/{desk.records[0]}/why" in batch
    peek = desk.get("officer", f"/dispositions/{made}/items/{desk.records[0]}").text
    assert "It is destroyed" not in peek
    assert f"/records/{desk.records[0]}/why" in peek
