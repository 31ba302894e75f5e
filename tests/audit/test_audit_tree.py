"""The tree against the recursive definitions of RFC 9162, which the second verifier follows word by word."""

import hashlib

import pytest
import second_verifier
from hypothesis import given
from hypothesis import strategies as st

from audit.tree import (
    EMPTY_ROOT,
    CompactRange,
    consistency_subtrees,
    inclusion_subtrees,
    proof,
    root_of,
    verify_consistency,
    verify_inclusion,
)

LEAVES = [hashlib.sha256(b"leaf %d" % number).digest() for number in range(600)]
sizes = st.integers(1, 600)


def root(begin: int, end: int) -> bytes:
    return second_verifier.mth(LEAVES[begin:end])


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert root_of([]) == EMPTY_ROOT == hashlib.sha256(b"").digest()


@pytest.mark.parametrize("size", [*range(1, 40), 255, 256, 257, 511, 512, 513, 600])
def test_a_growing_tree_has_the_root_of_the_definition(size: int) -> None:
    growing = CompactRange()
    for leaf in LEAVES[:size]:
        growing.append(leaf)
    assert growing.root() == root(0, size)
    assert len(growing.hashes) == size.bit_count()
    stored = CompactRange.from_bytes(size, growing.to_bytes())
    stored.append(b"x" * 32)
    assert stored.root() == second_verifier.mth([*LEAVES[:size], b"x" * 32])
    assert growing.size == size


def test_completed_subtrees_are_told_once_each() -> None:
    completed: list[tuple[int, int, bytes]] = []
    growing = CompactRange()
    for leaf in LEAVES:
        growing.append(leaf, completed)
    assert completed == [(8, 0, root(0, 256)), (8, 1, root(256, 512))]


@pytest.mark.parametrize(("size", "data"), [(3, b"x" * 32), (2, b"x" * 31), (1, b""), (-1, b"")])
def test_a_range_that_does_not_fit_its_size_is_refused(size: int, data: bytes) -> None:
    with pytest.raises(ValueError, match="one hash"):
        CompactRange.from_bytes(size, data)


@given(sizes, st.data())
def test_every_inclusion_proof_is_the_defined_one_and_verifies(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    path = proof(inclusion_subtrees(index, size), root)
    assert path == second_verifier.path(index, LEAVES[:size])
    assert verify_inclusion(LEAVES[index], index, size, path, root(0, size))


@given(sizes, sizes)
def test_every_consistency_proof_is_the_defined_one_and_verifies(first: int, second: int) -> None:
    first, second = sorted((first, second))
    path = proof(consistency_subtrees(first, second), root)
    assert path == second_verifier.subproof(first, LEAVES[:second], True)
    assert verify_consistency(first, second, root(0, first), root(0, second), path)


@given(st.integers(2, 600), st.data())
def test_a_proof_with_anything_changed_does_not_verify(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    path = proof(inclusion_subtrees(index, size), root)
    top = root(0, size)
    broken = data.draw(st.integers(0, len(path) - 1))
    wrong = [*path[:broken], bytes(32), *path[broken + 1 :]]
    assert not verify_inclusion(LEAVES[index], index, size, wrong, top)
    assert not verify_inclusion(LEAVES[index], index, size, path[:-1], top)
    assert not verify_inclusion(LEAVES[index], index, size, [*path, bytes(32)], top)
    assert not verify_inclusion(LEAVES[index], index, size, path, bytes(32))
    assert not verify_inclusion(bytes(32), index, size, path, top)
    assert not verify_inclusion(LEAVES[index], (index + 1) % size, size, path, top)
    assert not verify_inclusion(LEAVES[index], index, index, path, top)
    assert not verify_inclusion(LEAVES[index], index, size, [*path[:-1], b"short"], top)


@given(st.integers(1, 599), st.data())
def test_a_consistency_proof_with_anything_changed_does_not_verify(first: int, data: st.DataObject) -> None:
    second = data.draw(st.integers(first + 1, 600))
    path = proof(consistency_subtrees(first, second), root)
    old, new = root(0, first), root(0, second)
    broken = data.draw(st.integers(0, len(path) - 1))
    assert not verify_consistency(first, second, old, new, [*path[:broken], bytes(32), *path[broken + 1 :]])
    assert not verify_consistency(first, second, old, new, path[:-1])
    assert not verify_consistency(first, second, old, new, [*path, bytes(32)])
    assert not verify_consistency(first, second, bytes(32), new, path)
    assert not verify_consistency(first, second, old, bytes(32), path)
    assert not verify_consistency(0, second, old, new, path)
    assert not verify_consistency(second, first, new, old, path)


def test_one_size_is_consistent_with_itself_only_by_one_root() -> None:
    assert verify_consistency(5, 5, root(0, 5), root(0, 5), [])
    assert not verify_consistency(5, 5, root(0, 5), root(1, 6), [])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (-1, 5)])
def test_there_is_no_proof_of_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no such leaf"):
        inclusion_subtrees(index, size)


@pytest.mark.parametrize(("first", "second"), [(0, 5), (6, 5)])
def test_there_is_no_proof_of_growth_from_nothing_or_backwards(first: int, second: int) -> None:
    with pytest.raises(ValueError, match="grows"):
        consistency_subtrees(first, second)
