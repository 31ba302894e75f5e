from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Invalid
from records.sample import check, digest, draw, new_seed

IDS = st.lists(st.uuids(), unique=True, max_size=60)
SEEDS = st.text("0123456789abcdef", min_size=1, max_size=16)


def test_a_known_seed_draws_known_records() -> None:
    ids = [UUID(int=number) for number in range(100)]
    assert [each.int for each in draw(ids, "5eed", 5)] == [25, 71, 29, 3, 70]


@given(IDS, SEEDS, st.integers(1, 60), st.randoms())
def test_the_order_in_which_records_come_does_not_matter(ids: list[UUID], seed: str, count: int, chance) -> None:  # type: ignore[no-untyped-def]
    shuffled = list(ids)
    chance.shuffle(shuffled)
    assert draw(ids, seed, count) == draw(shuffled, seed, count)
    assert digest(ids) == digest(shuffled)


@given(IDS, SEEDS, st.integers(1, 60))
def test_a_sample_has_each_record_once_and_a_longer_one_begins_with_it(ids: list[UUID], seed: str, count: int) -> None:
    drawn = draw(ids, seed, count)
    assert len(drawn) == len(set(drawn)) == min(count, len(ids))
    assert draw(ids, seed, count + 1)[: len(drawn)] == drawn


@given(IDS, st.uuids(), SEEDS)
def test_a_record_added_later_moves_no_other(ids: list[UUID], added: UUID, seed: str) -> None:
    if added not in ids:
        more = draw([*ids, added], seed, 61)
        assert [each for each in more if each != added] == draw(ids, seed, 60)
        assert digest([*ids, added]) != digest(ids)


def test_a_new_seed_is_always_another() -> None:
    assert len({new_seed() for _ in range(50)}) == 50


@pytest.mark.parametrize(
    ("seed", "count", "year"),
    [
        ("", 1, 2025),
        ("a" * 65, 1, 2025),
        ("a b", 1, 2025),
        ("ä", 1, 2025),
        ("a", 0, 2025),
        ("a", 501, 2025),
        ("a", 1, 5),
    ],
    ids=["no seed", "a long one", "a blank", "not ASCII", "none", "too many", "no year"],
)
def test_what_cannot_be_drawn_is_refused(seed: str, count: int, year: int) -> None:
    with pytest.raises(Invalid):
        check(seed, count, year)
