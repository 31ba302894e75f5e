"""Declaring actions, and what an event may say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID, uuid4

import pytest
from audit_world import AS_ANNA, T0, Opened, Renamed
from hypothesis import given
from hypothesis import strategies as st

from audit.body import MAX_BODY_BYTES, Detail, NotABody, body_bytes
from audit.draft import Draft, EventRefused, draft
from audit.events import Actor, Event, ObjectRef, WronglyDeclared, catalogue, catalogue_digest, declared_details, use_of
from core.canonical import canonical


@dataclass(frozen=True, kw_only=True)
class Said(Event):
    """Says whatever a test wants."""

    action = "test.said"
    description = "Says whatever a test wants."
    detail_keys: ClassVar[Mapping[str, Detail]] = {
        "number": Detail("count", "A number."),
        "word": Detail("code", "A word."),
        "many": Detail("ids", "Many ids."),
    }
    by: Actor = AS_ANNA
    says: Mapping[str, Any]

    def details(self) -> Mapping[str, Any]:
        return self.says


def test_an_event_is_declared_by_being_defined() -> None:
    entry = next(item for item in catalogue() if item["action"] == "test.said")
    assert entry == {
        "action": "test.said",
        "description": "Says whatever a test wants.",
        "details": [
            {"key": "many", "meaning": "Many ids.", "type": "ids"},
            {"key": "number", "meaning": "A number.", "type": "count"},
            {"key": "word", "meaning": "A word.", "type": "code"},
        ],
        "use": "change",
    }
    assert use_of("test.said") == "change"
    assert declared_details("test.said")["word"].type == "code"
    assert [item["action"] for item in catalogue()] == sorted(item["action"] for item in catalogue())


def test_the_catalogue_s_digest_is_that_of_its_canonical_bytes() -> None:
    assert canonical(catalogue())
    assert catalogue_digest() == catalogue_digest(catalogue()) != catalogue_digest([])


def test_slots_make_a_class_twice_and_that_is_no_conflict() -> None:
    @dataclass(frozen=True, kw_only=True, slots=True)
    class Slotted(Event):
        action = "test.slotted"
        description = "Made twice by its decorator."

    assert draft(Slotted(by=AS_ANNA), T0)[0].action == "test.slotted"


def test_two_classes_with_one_action_are_a_defect() -> None:
    with pytest.raises(WronglyDeclared, match=r"test\.said"):

        class Again(Event):
            action = "test.said"
            description = "Another one."


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"action": "opened", "description": "x"}, id="one word"),
        pytest.param({"action": "test.nothing"}, id="no description"),
        pytest.param({"action": "test.use", "description": "x", "use": "look"}, id="another use"),
        pytest.param({"action": "test.key", "description": "x", "detail_keys": {"A": ("int", "x")}}, id="a capital"),
        pytest.param({"action": "test.type", "description": "x", "detail_keys": {"a": ("text", "x")}}, id="a type"),
        pytest.param({"action": "test.mean", "description": "x", "detail_keys": {"a": ("int", "")}}, id="no meaning"),
        pytest.param({"action": "test.part", "description": "x", "detail_keys": {"part": ("int", "x")}}, id="reserved"),
    ],
)
def test_a_declaration_that_lacks_something_is_a_defect(members: dict[str, Any]) -> None:
    with pytest.raises(WronglyDeclared):
        type("Wrong", (Event,), members)


@pytest.mark.parametrize(
    "says",
    [
        pytest.param({"other": 1}, id="an undeclared key"),
        pytest.param({"number": 1.5}, id="a float"),
        pytest.param({"number": -1}, id="a negative count"),
        pytest.param({"number": "1"}, id="text for a number"),
        pytest.param({"word": "a sentence of several words"}, id="free text"),
        pytest.param({"word": "x" * 81}, id="long text"),
        pytest.param({"word": "Müller"}, id="a name"),
        pytest.param({"group": "0" * 32}, id="the log's own key"),
    ],
)
def test_a_detail_that_was_not_declared_so_is_refused(says: dict[str, Any]) -> None:
    with pytest.raises(EventRefused) as refused:
        draft(Said(says=says), T0)
    assert "Müller" not in str(refused.value)


def test_what_is_none_is_left_out() -> None:
    body = draft(Said(says={"number": None, "word": "yes"}), T0)[0].body
    assert body["d"] == {"word": "yes"}
    assert "x" not in body
    assert "objects" not in body


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"basis": "since I may"}, id="a sentence for a basis"),
        pytest.param({"request": "anna@example.com"}, id="an address for a request id"),
        pytest.param({"by": Actor("person", name="Anna")}, id="a person's name"),
        pytest.param({"by": Actor("system")}, id="a nameless system"),
        pytest.param({"outcome": "maybe"}, id="another outcome"),
    ],
)
def test_a_field_that_has_no_place_in_an_entry_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(NotABody):
        draft(Said(says={}, **fields), T0)


def test_too_long_a_list_is_refused_before_it_reaches_the_log() -> None:
    assert draft(Said(says={"many": ["0" * 32] * 500}), T0)
    with pytest.raises(EventRefused):
        draft(Said(says={"many": ["0" * 32] * 501}), T0)


@given(st.integers(0, 1300))
def test_many_objects_make_several_entries_of_one_group_and_none_is_lost(count: int) -> None:
    records = tuple(UUID(int=number) for number in range(count))
    drafts = draft(Opened(records=records, page=1), T0)
    named = [item["i"] for each in drafts for item in each.body.get("objects", ())]
    assert named == [record.hex for record in records]
    assert len({each.event_id for each in drafts}) == len(drafts)
    assert all(len(body_bytes(each.body)) <= MAX_BODY_BYTES for each in drafts)
    if len(drafts) > 1:
        parts = [each.body["d"] for each in drafts]
        assert {part["group"] for part in parts} == {drafts[0].body["id"]}
        assert [part["part"] for part in parts] == list(range(len(drafts)))
        assert {part["parts"] for part in parts} == {len(drafts)}
        assert {part["page"] for part in parts} == {1}
    else:
        assert "group" not in drafts[0].body["d"]


def test_five_hundred_small_objects_fit_one_entry_and_one_more_does_not() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Listed(Event):
        action = "test.listed"
        description = "Lists many small things."
        ids: tuple[UUID, ...]

        def objects(self) -> list[ObjectRef]:
            return [ObjectRef("a", item) for item in self.ids]

    ids = tuple(uuid4() for _ in range(501))
    assert len(draft(Listed(by=AS_ANNA, ids=ids[:500]), T0)) == 1
    assert len(draft(Listed(by=AS_ANNA, ids=ids), T0)) == 2


def test_a_commitment_hides_its_value_and_stands_in_the_first_part_only() -> None:
    first = draft(Renamed(reason="Frau Müller hat geheiratet"), T0)[0]
    again = draft(Renamed(reason="Frau Müller hat geheiratet"), T0)[0]
    assert "ller" not in first.to_bytes().decode()
    assert first.body["c"] != again.body["c"]
    assert first.openings[0].value == "Frau Müller hat geheiratet"


def test_a_draft_reads_back_from_the_intake() -> None:
    made = draft(Renamed(person=UUID(int=5)), T0)[0]
    kept = Draft.from_bytes(made.to_bytes())
    assert (kept.body, kept.use, kept.year) == (made.body, made.use, made.year)
