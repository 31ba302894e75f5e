"""The golden log is verified, by Muniment and by a second verifier, and never made again."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import second_verifier

from audit.events import OWN_EVENTS, catalogue
from audit.leaf import commitment, leaf_hash, parse, splice
from audit.note import parse_vkey
from audit.tree import (
    consistency_subtrees,
    inclusion_subtrees,
    proof,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from audit.verify import Verdict, verify

FOLDER = Path(__file__).parent.parent / "golden" / "audit" / "log-1"
ENTRIES, NOTES, CATALOGUES = second_verifier.load(FOLDER)
VKEYS = (FOLDER / "vkeys.txt").read_text().split()
LEAVES = [bytes.fromhex(line) for line in (FOLDER / "leaf-hashes.txt").read_text().split()]
PROOFS = json.loads((FOLDER / "proofs.json").read_text())
ORIGIN = "muniment.local/00112233445566ff"


def verified(entries: list[bytes], notes: list[str] = NOTES, **known: Any) -> Verdict:
    catalogues = {bytes.fromhex(digest): content for digest, content in CATALOGUES.items()}
    return verify(entries, notes, catalogues=catalogues, **known)


def test_the_files_are_those_that_were_made() -> None:
    digest = hashlib.sha256()
    for file in sorted(FOLDER.iterdir()):
        digest.update(file.name.encode() + b"\x00" + hashlib.sha256(file.read_bytes()).digest())
    assert digest.hexdigest() == "56416c1084d13fd631cebdcb4f4b20aa854b0b224e5cf3b2d78ee413d6ed6185"


@pytest.mark.parametrize("vkey", VKEYS)
def test_muniment_finds_no_fault_under_either_key(vkey: str) -> None:
    verdict = verified(ENTRIES, origin=ORIGIN, vkey=vkey)
    assert (verdict.fault, verdict.size, verdict.covered, verdict.checkpoints) == (None, 22, 22, 4)


def test_the_second_verifier_agrees_on_the_root() -> None:
    assert second_verifier.verify(ENTRIES, NOTES, CATALOGUES) == verified(ENTRIES).root == root_of(LEAVES)


def test_leaf_hashes_and_splicing_give_the_stored_bytes() -> None:
    for entry, stored in zip(ENTRIES, LEAVES, strict=True):
        leaf = parse(entry)
        body = second_verifier.canonical(leaf.body)
        again = splice(body, sequence=leaf.sequence, appended_us=leaf.appended_us, previous=leaf.previous)
        assert again == entry
        assert leaf_hash(entry) == stored


def test_every_stored_proof_verifies_and_is_the_one_made_today() -> None:
    def root(begin: int, end: int) -> bytes:
        return root_of(LEAVES[begin:end])

    for item in PROOFS["inclusion"]:
        index, size, path = item["index"], item["size"], [bytes.fromhex(value) for value in item["path"]]
        assert path == proof(inclusion_subtrees(index, size), root) == second_verifier.path(index, LEAVES[:size])
        assert verify_inclusion(LEAVES[index], index, size, path, root(0, size))
    for item in PROOFS["consistency"]:
        first, second, path = item["first"], item["second"], [bytes.fromhex(value) for value in item["path"]]
        assert path == proof(consistency_subtrees(first, second), root)
        assert path == second_verifier.subproof(first, LEAVES[:second], True)
        assert verify_consistency(first, second, root(0, first), root(0, second), path)


def test_every_opening_opens_the_commitment_of_its_entry() -> None:
    committed = {
        (leaf.body["id"], item["f"]): bytes.fromhex(item["h"])
        for leaf in map(parse, ENTRIES)
        for item in leaf.body.get("c", ())
    }
    openings = json.loads((FOLDER / "openings.json").read_text())
    assert len(openings) == len(committed) > 0
    for item in openings:
        hashed = committed[item["event"], item["field"]]
        nonce = bytes.fromhex(item["nonce"])
        assert commitment(nonce, item["field"], item["value"]) == hashed
        assert second_verifier.commits(hashed, nonce, item["field"], item["value"])
        assert not second_verifier.commits(hashed, nonce, item["field"], item["value"] + " ")


@pytest.mark.parametrize("position", range(22))
def test_any_changed_entry_is_named_by_both_verifiers(position: int) -> None:
    changed = list(ENTRIES)
    start = changed[position].index(b'"id":"') + 6
    first = changed[position][start : start + 1]
    changed[position] = changed[position][:start] + (b"1" if first != b"1" else b"2") + changed[position][start + 1 :]
    fault = verified(changed).fault
    assert fault is not None
    # The last entry has no successor: what is known is that it is behind the checkpoint before.
    assert fault.position == position
    with pytest.raises(second_verifier.Wrong):
        second_verifier.verify(changed, NOTES, CATALOGUES)


@pytest.mark.parametrize(
    ("entries", "notes", "position", "kind"),
    [
        pytest.param(ENTRIES[:-1], NOTES, 21, "truncated", id="last entry missing"),
        pytest.param(ENTRIES[:3], NOTES, 3, "truncated", id="nearly all missing"),
        pytest.param(ENTRIES[:5] + ENTRIES[6:], NOTES, 5, "sequence", id="one missing in the middle"),
        pytest.param(ENTRIES[1:], NOTES, 0, "sequence", id="first entry missing"),
        pytest.param(
            ENTRIES, [NOTES[0], NOTES[0].replace("muniment", "monument"), *NOTES[1:]], 6, "checkpoint", id="origin"
        ),
        pytest.param(ENTRIES, [NOTES[1], NOTES[0], *NOTES[2:]], 6, "checkpoint", id="checkpoints out of order"),
        pytest.param(ENTRIES, [NOTES[0], "no note at all"], 6, "checkpoint", id="not a note"),
        pytest.param(
            ENTRIES,
            [NOTES[0][:-30] + NOTES[0][-30:-15].swapcase() + NOTES[0][-15:]],
            6,
            "signature",
            id="signature altered",
        ),
        pytest.param(
            ENTRIES,
            [*NOTES[:2], NOTES[2][: NOTES[2].index("— ")] + NOTES[2][NOTES[2].rindex("— ") :], NOTES[3]],
            20,
            "signature",
            id="a key replaced without its predecessor's signature",
        ),
    ],
)
def test_a_wrong_log_is_faulted(entries: list[bytes], notes: list[str], position: int, kind: str) -> None:
    fault = verified(entries, notes).fault
    assert fault is not None
    assert (fault.position, fault.kind) == (position, kind), fault.sentence


def test_no_alias_nor_name_of_a_subject_stands_in_an_entry() -> None:
    whole = b"".join(ENTRIES)
    aliases = json.loads((FOLDER / "aliases.json").read_text())
    assert all(item["alias"].encode() in whole for item in aliases)
    assert not any(item["subject"].encode() in whole for item in aliases)
    for word in ("Müller", "Änne", "Rechnung"):
        assert word.encode() not in whole


def test_the_log_s_own_actions_keep_the_shape_they_were_published_with() -> None:
    published = {entry["action"]: entry for content in CATALOGUES.values() for entry in json.loads(content)}
    today = {entry["action"]: entry for entry in catalogue()}
    for event in OWN_EVENTS:
        assert today[event.action] == published[event.action]


def test_the_keys_are_verifier_keys_of_the_origin() -> None:
    assert [parse_vkey(line).name for line in VKEYS] == [ORIGIN, ORIGIN]


def test_the_worked_example_of_the_documentation_is_in_the_golden_log() -> None:
    page = (FOLDER.parents[3] / "docs" / "audit-format.md").read_text(encoding="utf-8")
    opening = next(item for item in json.loads((FOLDER / "openings.json").read_text()) if item["field"] == "name")
    proof_of_3 = next(item["path"] for item in PROOFS["inclusion"] if (item["index"], item["size"]) == (3, 7))
    for shown in (ENTRIES[3].decode(), LEAVES[3].hex(), NOTES[0], VKEYS[0], opening["nonce"], "\n".join(proof_of_3)):
        assert shown in page
    assert f"{len(ENTRIES[3])} bytes" in page
