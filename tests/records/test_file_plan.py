"""The file plan: what it promises to the rest, and what it refuses at load."""

import io

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from records import file_plan
from records.file_plan import InvalidFilePlan, UnknownRecordClass

PLAN = file_plan.load()
CODES = st.sampled_from([c.code for c in PLAN])


def _row(**changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "code": "letter",
        "title": "Letter",
        "description": "A letter.",
        "sensitivity": "normal",
        "readers": ["everyone"],
        "triggers": ["sent_or_received"],
    }
    row.update(changes)
    return {key: value for key, value in row.items() if value != "absent"}


def _parse(*rows: dict[str, object]) -> file_plan.FilePlan:
    return file_plan.parse(yaml.safe_dump(list(rows)).encode())


@given(CODES)
def test_a_class_is_a_descendant_of_each_of_its_ancestors(code):
    for ancestor in PLAN.ancestors(code):
        assert code in PLAN.descendants(ancestor)


@given(CODES)
def test_facet_codes_are_the_class_and_what_is_above_it_up_to_the_top(code):
    codes = PLAN.facet_codes(code)
    assert codes[0] == code
    assert PLAN.get(codes[-1]).parent is None
    assert len(set(codes)) == len(codes)


def test_every_class_but_the_headings_can_be_filed_in_and_every_heading_has_classes():
    assert {c.code for c in PLAN} - {c.code for c in PLAN.fileable()} == {c.code for c in PLAN if c.group}
    assert all(PLAN.children(c.code) for c in PLAN if c.group)


def test_a_machine_never_files_a_sensitive_class_without_review():
    sensitive = [c for c in PLAN if c.sensitive]
    assert len(sensitive) > 30
    assert not any(c.machine_files for c in sensitive)


@pytest.mark.parametrize(
    ("code", "sensitivity", "readers", "named"),
    [
        pytest.param("supplier_invoice", "normal", {"accounting"}, False, id="invoices are read by accounting"),
        pytest.param("cv", "confidential", {"hr"}, True, id="a CV is read by named clerks only"),
        pytest.param("sick_note", "special", {"hr"}, True, id="a sick note is health data"),
        pytest.param("accident_report", "special", {"hr"}, True, id="an accident report is health data"),
        pytest.param("risk_assessment", "normal", {"everyone"}, False, id="staff may read what endangers them"),
        pytest.param("whistleblower_report", "special", {"compliance"}, True, id="whistleblowers are protected"),
        pytest.param("blocked_data", "special", set(), True, id="blocked data is read by no department"),
        pytest.param("policy", "normal", {"everyone"}, False, id="policies are for everyone"),
    ],
)
def test_default_access_of(code, sensitivity, readers, named):
    record_class = PLAN.get(code)
    assert (record_class.sensitivity, record_class.readers, record_class.named_readers) == (
        sensitivity,
        readers,
        named,
    )


def test_an_unknown_code_is_not_found():
    for ask in (PLAN.get, PLAN.ancestors, PLAN.descendants, PLAN.facet_codes):
        with pytest.raises(UnknownRecordClass):
            ask("no_such_class")


def test_what_a_class_does_not_state_comes_from_above_but_a_sensitive_one_is_not_filed_by_machine():
    plan = _parse(
        _row(machine_files=True),
        {"code": "child", "parent": "letter", "title": "Child", "description": "Like it."},
        {"code": "secret", "parent": "letter", "title": "S", "description": "D.", "sensitivity": "special"},
        {"code": "grandchild", "parent": "secret", "title": "S", "description": "D."},
    )
    assert plan.get("child").machine_files
    assert plan.get("child").triggers == ("sent_or_received",)
    assert not plan.get("secret").machine_files
    assert plan.get("grandchild").sensitivity == "special"
    assert not plan.get("grandchild").machine_files


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        pytest.param([_row(), _row()], "used twice", id="a code twice"),
        pytest.param([_row(parent="gone")], "gone", id="an unknown parent"),
        pytest.param([_row(sensitivity="secret")], "sensitivity", id="an unknown sensitivity"),
        pytest.param([_row(sensitivity="absent")], "states sensitivity", id="no sensitivity at the top"),
        pytest.param([_row(readers=["kitchen"])], "kitchen", id="an unknown department"),
        pytest.param([_row(readers="everyone")], "list", id="readers that are no list"),
        pytest.param([_row(direction="sideways")], "direction", id="an unknown direction"),
        pytest.param([_row(title=" ")], "no title", id="an empty title"),
        pytest.param([_row(colour="red")], "colour", id="an unknown key"),
        pytest.param([_row(code="Brief!")], "lower case", id="a code with capitals"),
        pytest.param([_row(machine_files="yes")], "machine_files", id="a word for a truth value"),
        pytest.param(
            [_row(sensitivity="confidential", machine_files=True)], "machine may not", id="sensitive, by machine"
        ),
        pytest.param(["letter"], "no code", id="a class that is a word"),
        pytest.param([], "list of classes", id="nothing"),
    ],
)
def test_a_plan_is_refused_with_the_reason_for(rows, says):
    with pytest.raises(InvalidFilePlan, match=says):
        _parse(*rows)


@given(st.one_of(st.binary(max_size=80), st.text(max_size=80).map(str.encode)))
def test_hostile_bytes_are_invalid_and_nothing_else(data):
    with pytest.raises(InvalidFilePlan):
        file_plan.parse(data)


def test_translators_see_every_title_and_description_with_its_line():
    text = (file_plan.files("records") / "file_plan.yaml").read_bytes()
    found = list(file_plan.extract_messages(io.BytesIO(text), (), (), {}))
    assert {message for _, _, message, _ in found} == set(file_plan.source_strings(PLAN))
    lines = text.decode().splitlines()
    assert all(lines[line - 1] == f"- code: {comments[0].split()[-1]}" for line, _, _, comments in found)
