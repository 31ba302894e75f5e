import threading
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import identifiers
from core.identifiers import ALPHABET, new_id, new_record_number, parse_record_number, show_record_number

BODIES = st.text(alphabet=ALPHABET, min_size=8, max_size=8)
NUMBERS = BODIES.map(lambda body: body + identifiers._check_character(body))


def test_keys_are_version_7_and_rise_within_a_process():
    made = [new_id() for _ in range(5000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert {(key.version, key.variant) for key in made} == {(7, "specified in RFC 4122")}


def test_keys_made_by_many_threads_at_once_all_differ():
    made: list[UUID] = []

    def make() -> None:
        made.extend([new_id() for _ in range(1000)])

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 8000


def test_keys_rise_even_while_the_clock_of_the_machine_is_set_back(monkeypatch):
    before = new_id()
    now = identifiers.time.time_ns()
    monkeypatch.setattr(identifiers.time, "time_ns", lambda: now - 3_600_000_000_000)
    assert new_id() > before


@given(NUMBERS, st.integers(0, 8), st.sampled_from(ALPHABET))
def test_every_single_wrong_character_is_caught(number, place, other):
    wrong = number[:place] + other + number[place + 1 :]
    assert parse_record_number(wrong) == (number if wrong == number else None)


@given(NUMBERS, st.integers(0, 7))
def test_every_swap_of_neighbours_is_caught(number, place):
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    assert parse_record_number(swapped) == (number if swapped == number else None)


def test_no_character_and_no_swap_passes_for_any_pair_of_characters():
    """All pairs at all places, in one otherwise fixed number: the check is linear, so one suffices."""
    for place in range(8):
        for one in ALPHABET:
            for other in ALPHABET:
                if one == other:
                    continue
                body = list("7K2M9QXT")
                body[place] = one
                if place < 7:
                    body[place + 1] = other
                right = "".join(body)
                number = right + identifiers._check_character(right)
                wrong = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
                if wrong != number:
                    assert parse_record_number(wrong) is None
                changed = number[:place] + other + number[place + 1 :]
                assert parse_record_number(changed) is None


@given(NUMBERS)
def test_a_number_is_read_back_from_what_people_see(number):
    assert parse_record_number(show_record_number(number)) == number
    assert parse_record_number(f" {show_record_number(number).lower().replace('1', 'l')} ") == number


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("7K2M9QXT", id="no check character"),
        pytest.param("7K2M9QXT44", id="too long"),
        pytest.param("7K2M-9QXU-4", id="a character outside the alphabet"),
        pytest.param("７K2M9QXT4", id="a full-width digit"),
    ],
)
def test_what_is_no_number_is_none(text):
    assert parse_record_number(text) is None


@given(st.text(max_size=20))
def test_any_text_is_a_number_or_none_and_never_an_error(text):
    found = parse_record_number(text)
    assert found is None or len(found) == 9


def test_new_numbers_are_well_formed_and_tell_no_count():
    made = {new_record_number() for _ in range(500)}
    assert len(made) == 500
    assert all(parse_record_number(number) == number for number in made)
