"""Whatever is done to a log, its files or an export of it is found, and its position and kind are named.

Each case starts from a copy and acts with full access: no triggers, all files, the log's private
key. The single-file verifier judges what came of it, with what an auditor would have at hand. Cases that no
bytes of the log can give away are in ``UNSEEN``: they are passed without an anchor, and
found with the one that the limits in docs/audit.md name.
"""

import base64
import gzip
import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from audit_world import KEY, ORIGIN
from stolen import (
    OTHER_KEY,
    Stolen,
    change,
    checkpoint,
    cosigned,
    flip,
    listed,
    packed,
    policy,
    put,
    swapped_key,
)

from audit import muniment_verify
from audit.leaf import leaf_hash, splice

ROOT = Path(__file__).parents[2]
Arguments = list[str]
Case = Callable[[Stolen, Path], Arguments]

pytestmark = pytest.mark.sqlite


def judged(arguments: Arguments) -> muniment_verify.Report:
    options = muniment_verify.parser().parse_args([*arguments, "--jobs", "1"])
    muniment_verify.prepare(options)
    return muniment_verify.verify(options)


def pinned(source: Path, *more: object) -> Arguments:
    return [str(source), "--key", str(KEY.verifier), *map(str, more)]


def kept(log: Stolen, where: Path, size: int) -> Path:
    """A checkpoint that the auditor wrote down in time."""
    put(where / f"kept-{size}", log.notes[size].encode())
    return where / f"kept-{size}"


# -- the stored past, published again -----------------------------------------------------------------


def published(made: Callable[[Stolen], Stolen], *, size: int | None = None) -> Case:
    """The log after a change, written out with whatever checkpoint it then has."""

    def case(log: Stolen, where: Path) -> Arguments:
        return pinned(made(log).publish(where / "log", size=size))

    return case


def against(size: int, made: Callable[[Stolen], Stolen]) -> Case:
    """The same, held against a checkpoint that the auditor kept."""

    def case(log: Stolen, where: Path) -> Arguments:
        return pinned(made(log).publish(where / "log"), "--earlier", kept(log, where, size))

    return case


def without(log: Stolen, seq: int) -> Stolen:
    made = log.copy()
    del made.entries[seq]
    return made


def renumbered(log: Stolen, seq: int) -> Stolen:
    """An entry cut out and those behind it moved up, so that no number is missing."""
    made = without(log, seq)
    for at in range(seq, len(made.entries)):
        made.entries[at] = made.entries[at].replace(b'"s":%d,' % (at + 1), b'"s":%d,' % at)
    return made


def inserted(log: Stolen, seq: int) -> Stolen:
    made = log.copy()
    made.entries.insert(seq, log.entries[seq].replace(b'"done"', b'"refused"'))
    return made


def exchanged(log: Stolen, one: int, two: int) -> Stolen:
    made = log.copy()
    made.entries[one], made.entries[two] = made.entries[two], made.entries[one]
    return made


def spliced(log: Stolen, at: int) -> Stolen:
    """The head of one log and the tail of another."""
    other = log.edited(at - 200).rechained(at - 200)
    made = log.copy()
    made.entries[at:] = other.entries[at:]
    return made


def rewritten(log: Stolen, seq: int, entry: Callable[[bytes], bytes]) -> Stolen:
    """One entry in other bytes, the rest chained to it, all of it signed anew with the stolen key."""
    made = log.copy()
    made.entries[seq] = entry(made.entries[seq])
    following = made.entries[seq + 1 :]
    previous = leaf_hash(made.entries[seq])
    for at, old in enumerate(following, start=seq + 1):
        value = json.loads(old)
        body = json.dumps(value["b"], sort_keys=True, separators=(",", ":")).encode()
        made.entries[at] = splice(body, sequence=at, appended_us=value["a"], previous=previous)
        previous = leaf_hash(made.entries[at])
    return made.signed()


def exponent(entry: bytes) -> bytes:
    return re.sub(rb'"page":(\d+)', rb'"page":\g<1>e0', entry)


def with_events(log: Stolen, seq: int, count: int) -> Stolen:
    """Entries dropped out of the middle by a writer that said nothing for a while: a clean chain, a long silence."""
    made = log.copy()
    del made.entries[seq : seq + count]
    return made.rechained(seq).signed(len(made.entries))


THE_PAST: list[Any] = [
    pytest.param(published(lambda log: log.edited(300)), 300, "altered", id="an entry edited"),
    pytest.param(against(601, lambda log: log.edited(700)), 601, "root", id="the last signed entry edited"),
    pytest.param(published(lambda log: log.edited(1)), 1, "altered", id="an early entry edited"),
    pytest.param(published(lambda log: log.edited(255)), 255, "altered", id="the last entry of a bundle edited"),
    pytest.param(published(lambda log: log.edited(256)), 256, "altered", id="the first entry of a bundle edited"),
    pytest.param(
        published(lambda log: log.edited(299, b'"page":', b'"page":1')),
        299,
        "altered",
        id="a detail of an entry edited",
    ),
    pytest.param(
        published(lambda log: log.edited(50, b'"c":', b'"c":').edited(50, b'"h":"', b'"h":"0')),
        50,
        "form",
        id="a commitment made longer",
    ),
    pytest.param(published(lambda log: without(log, 300)), 300, "sequence", id="an entry deleted"),
    pytest.param(published(lambda log: without(log, 0)), 0, "sequence", id="the first entry deleted"),
    pytest.param(
        published(lambda log: renumbered(log, 300)), 300, "chain", id="an entry deleted and the rest renumbered"
    ),
    pytest.param(published(lambda log: inserted(log, 300)), 301, "sequence", id="an entry inserted"),
    pytest.param(published(lambda log: exchanged(log, 300, 301)), 300, "sequence", id="two entries exchanged"),
    pytest.param(published(lambda log: exchanged(log, 10, 600)), 10, "sequence", id="two far entries exchanged"),
    pytest.param(published(lambda log: spliced(log, 450)), 449, "altered", id="two logs spliced"),
    pytest.param(
        published(lambda log: log.edited(300).rechained(300)), 0, "root", id="an entry edited and the rest chained anew"
    ),
    pytest.param(
        against(201, lambda log: log.edited(300).rechained(300)),
        201,
        "root",
        id="an entry edited and the rest chained anew behind a kept checkpoint",
    ),
    pytest.param(
        against(301, lambda log: log.edited(290).rechained(290).signed()),
        0,
        "fork",
        id="rebuilt and signed with the stolen key",
    ),
    pytest.param(
        against(301, lambda log: log.dated(290, -3_600_000_000).signed()), 290, "time", id="the clock set back"
    ),
    pytest.param(
        published(lambda log: replace(log.signed(650), entries=log.entries[:640]), size=650),
        640,
        "truncated",
        id="truncated below a checkpoint within a bundle",
    ),
    pytest.param(
        against(701, lambda log: replace(log.signed(650), entries=log.entries[:650])),
        650,
        "truncated",
        id="truncated and signed anew",
    ),
    pytest.param(
        against(701, lambda log: replace(log, notes={size: log.notes[size] for size in (101, 201, 301)})),
        301,
        "truncated",
        id="the whole database rolled back",
    ),
    pytest.param(
        against(701, lambda log: log.edited(610).rechained(610).signed(705)),
        0,
        "fork",
        id="rolled back and written differently since",
    ),
    pytest.param(
        against(701, lambda log: replace(log, notes={601: log.notes[601]})),
        601,
        "truncated",
        id="an older checkpoint put back",
    ),
    pytest.param(published(swapped_key), 0, "key", id="rebuilt under another key"),
    pytest.param(
        published(lambda log: rewritten(log, 300, lambda entry: entry.replace(b'"v":1}', b'"v":1 }'))),
        300,
        "form",
        id="an entry with a space in it, signed",
    ),
    pytest.param(
        published(lambda log: rewritten(log, 299, exponent)), 299, "form", id="a number with an exponent, signed"
    ),
    pytest.param(
        published(lambda log: rewritten(log, 300, lambda entry: entry.replace(b'"done"', b'"d\\u006fne"'))),
        300,
        "form",
        id="an escaped letter, signed",
    ),
    pytest.param(
        published(lambda log: rewritten(log, 300, lambda entry: entry.replace(b'"b":', b'"b":{},"b":'))),
        300,
        "form",
        id="a key twice, signed",
    ),
    pytest.param(
        published(lambda log: rewritten(log, 300, lambda entry: leaf_hash(entry) + leaf_hash(entry))),
        300,
        "form",
        id="an interior node in the place of an entry",
    ),
    pytest.param(
        published(
            lambda log: rewritten(log, 299, lambda entry: entry.replace(b"test.record.opened", b"test.record.gone"))
        ),
        299,
        "undeclared",
        id="an action that was never declared, signed",
    ),
    pytest.param(
        published(lambda log: rewritten(log, 299, lambda entry: entry.replace(b'"purpose":"audit"', b'"purpose":7'))),
        299,
        "undeclared",
        id="a detail of another type, signed",
    ),
    pytest.param(
        published(lambda log: rewritten(log, 300, lambda entry: entry.replace(b'"s":300', b'"s":301'))),
        300,
        "sequence",
        id="an entry that says another position, signed",
    ),
    pytest.param(
        published(lambda log: rewritten(log, 300, lambda entry: re.sub(rb'"p":"..', b'"p":"00', entry))),
        300,
        "chain",
        id="an entry that names another predecessor, signed",
    ),
]


# -- files ---------------------------------------------------------------------------------------------


def damaged(act: Callable[[Path, Stolen], object]) -> Case:
    """The published folder after somebody was at its files."""

    def case(log: Stolen, where: Path) -> Arguments:
        folder = log.publish(where / "log")
        act(folder, log)
        return pinned(folder)

    return case


def swap(folder: Path, one: str, two: str) -> None:
    first, second = (folder / one).read_bytes(), (folder / two).read_bytes()
    (folder / one).write_bytes(second)
    (folder / two).write_bytes(first)


def bomb(folder: Path) -> None:
    (folder / "tile/entries/000").unlink()
    put(folder / "tile/entries/000.gz", gzip.compress(bytes(64_000_000)))


def note_of(folder: Path, old: str, new: str) -> None:
    change(folder / "checkpoint", old.encode(), new.encode())


FILES: list[Any] = [
    pytest.param(damaged(lambda f, _: flip(f / "tile/0/000", 32 * 7)), 7, "tile", id="a hash in a tile on the left"),
    pytest.param(damaged(lambda f, _: flip(f / "tile/0/002.p/189", 0)), 512, "tile", id="a hash in the last tile"),
    pytest.param(damaged(lambda f, _: flip(f / "tile/1/000.p/2", 33)), 256, "tile", id="a hash in an upper tile"),
    pytest.param(
        damaged(lambda f, _: (f / "tile/0/000").write_bytes((f / "tile/0/000").read_bytes()[:-32])),
        0,
        "tile",
        id="a truncated tile on the left",
    ),
    pytest.param(damaged(lambda f, _: (f / "tile/0/000").unlink()), 0, "tile", id="a tile missing on the left"),
    pytest.param(damaged(lambda f, _: swap(f, "tile/0/000", "tile/0/001")), 0, "tile", id="two tiles exchanged"),
    pytest.param(
        damaged(lambda f, _: (f / "tile/entries/000").write_bytes((f / "tile/entries/000").read_bytes()[:-9])),
        255,
        "bundle",
        id="a truncated bundle on the left",
    ),
    pytest.param(
        damaged(lambda f, _: (f / "tile/entries/000").write_bytes((f / "tile/entries/000").read_bytes() + b"\0\1x")),
        255,
        "bundle",
        id="a bundle with one entry more",
    ),
    pytest.param(
        damaged(lambda f, _: (f / "tile/entries/000").write_bytes((f / "tile/entries/000").read_bytes() + b"\0")),
        255,
        "bundle",
        id="a bundle with a byte more",
    ),
    pytest.param(damaged(lambda f, _: (f / "tile/entries/001").unlink()), 256, "missing", id="a bundle missing"),
    pytest.param(
        damaged(lambda f, _: (f / "tile/entries/002.p/189").unlink()), 512, "truncated", id="the last bundle missing"
    ),
    pytest.param(
        damaged(lambda f, _: swap(f, "tile/entries/000", "tile/entries/001")), 0, "sequence", id="two bundles exchanged"
    ),
    pytest.param(damaged(lambda f, _: bomb(f)), 0, "bundle", id="a bundle that unpacks to a bomb"),
    pytest.param(
        damaged(lambda f, log: put(f / "tile/entries/000.p/9", b"\0\1x" * 9)), 0, "bundle", id="another partial bundle"
    ),
    pytest.param(damaged(lambda f, log: put(f / "tile/0/000.p/2", bytes(64))), 0, "tile", id="another partial tile"),
    pytest.param(
        damaged(lambda f, log: put(f / "withdrawn.json", b'[{"from":0,"to":256,"event":300}]')),
        0,
        "missing",
        id="a withdrawal that nobody logged",
    ),
    pytest.param(
        damaged(lambda f, log: next((f / "catalogues").iterdir()).write_bytes(b"[]")),
        0,
        "catalogue",
        id="the catalogue of actions altered",
    ),
    pytest.param(damaged(lambda f, _: note_of(f, "\n\n", "\n")), 0, "checkpoint", id="a note without its empty line"),
    pytest.param(
        damaged(lambda f, _: note_of(f, "\n701\n", "\n0701\n")), 0, "checkpoint", id="a size with a zero before"
    ),
    pytest.param(
        damaged(lambda f, _: note_of(f, "\n701\n", "\r\n701\n")), 0, "checkpoint", id="a note with a return in it"
    ),
    pytest.param(
        damaged(lambda f, _: note_of(f, "=\n\n", "=\nmore\n\n")), 0, "checkpoint", id="a note with a line more"
    ),
    pytest.param(damaged(lambda f, _: (f / "checkpoint").unlink()), 0, "checkpoint", id="no checkpoint"),
    pytest.param(
        damaged(lambda f, log: note_of(f, log.note[-20:-5], "A" * 15)), 700, "signature", id="another signature"
    ),
    pytest.param(
        damaged(lambda f, log: put(f / "checkpoint", checkpoint(log.entries[:701], key=OTHER_KEY).encode())),
        700,
        "signature",
        id="a checkpoint by another key",
    ),
    pytest.param(
        damaged(lambda f, log: put(f / "checkpoint", colliding(log).encode())),
        700,
        "signature",
        id="a colliding key id",
    ),
    pytest.param(
        damaged(lambda f, log: note_of(f, "\n701\n", "\n700\n")), 699, "signature", id="another size in the note"
    ),
]


def colliding(log: Stolen) -> str:
    """The log's name and key id, before the signature of another key."""
    text = log.note[: log.note.rindex("\n\n") + 1]
    blob = KEY.verifier.id + OTHER_KEY.sign(text.encode())
    return f"{text}\n— {ORIGIN} {base64.b64encode(blob).decode()}\n"


# -- exports -------------------------------------------------------------------------------------------


def exported(act: Callable[[Path, Stolen], object], *more: str, relist: bool = True) -> Case:
    """An evidence export in which something was changed; the list of its files is put right afterwards."""

    def case(log: Stolen, where: Path) -> Arguments:
        folder = log.export(where / "export")
        act(folder, log)
        if relist:
            listed(folder)
        return pinned(packed(folder, where / "export.zip"), *more)

    return case


def zipped(act: Callable[[zipfile.ZipFile], object]) -> Case:
    """The zip of an export, with something added that no export has."""

    def case(log: Stolen, where: Path) -> Arguments:
        place = packed(log.export(where / "export"), where / "export.zip")
        with zipfile.ZipFile(place, "a", zipfile.ZIP_DEFLATED) as archive:
            act(archive)
        return pinned(place)

    return case


def linked(archive: zipfile.ZipFile) -> None:
    member = zipfile.ZipInfo("tile/0/003")
    member.external_attr = 0o120777 << 16
    archive.writestr(member, "/etc/passwd")


def twice(archive: zipfile.ZipFile) -> None:
    archive.writestr("leaves/5.json", b"{}")


def bit_in_zip(log: Stolen, where: Path) -> Arguments:
    place = where / "export.zip"
    folder = log.export(where / "export")
    with zipfile.ZipFile(place, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder).as_posix())
    content = place.read_bytes()
    flip(place, content.rindex(log.entries[300]) + 100)
    return pinned(place)


def opening_changed(folder: Path, key: str, value: object) -> None:
    lines = [json.loads(line) for line in (folder / "openings.jsonl").read_bytes().splitlines()]
    lines[2][key] = value
    put(folder / "openings.jsonl", "".join(json.dumps(line) + "\n" for line in lines).encode())


def openings_swapped(folder: Path) -> None:
    lines = [json.loads(line) for line in (folder / "openings.jsonl").read_bytes().splitlines()]
    lines[2]["value"], lines[3]["value"] = lines[3]["value"], lines[2]["value"]
    put(folder / "openings.jsonl", "".join(json.dumps(line) + "\n" for line in lines).encode())


def proof_lines(folder: Path, act: Callable[[list[bytes]], object]) -> None:
    place = folder / "proofs/300.tlog-proof"
    lines = place.read_bytes().split(b"\n")
    act(lines)
    place.write_bytes(b"\n".join(lines))


def range_missing(log: Stolen, where: Path) -> Arguments:
    """An export of the entries 300 to 700 that leaves out a bundle."""
    folder = log.export(where / "export")
    (folder / "tile/entries/000").unlink()
    (folder / "tile/entries/001").unlink()
    listed(folder, scope={"from": 300, "to": 701})
    return pinned(packed(folder, where / "export.zip"))


def seal_changed(folder: Path, old: bytes, new: bytes) -> None:
    change(folder / "seals/2026-03-03.json", old, new)


EXPORTS: list[Any] = [
    pytest.param(zipped(lambda a: a.writestr("../../etc/cron.d/x", b"")), 0, "archive", id="a path that climbs out"),
    pytest.param(zipped(lambda a: a.writestr("/etc/cron.d/x", b"")), 0, "archive", id="an absolute path"),
    pytest.param(zipped(lambda a: a.writestr("tile\\0\\000", b"")), 0, "archive", id="a path with backslashes"),
    pytest.param(zipped(linked), 0, "archive", id="a link"),
    pytest.param(zipped(twice), 0, "archive", id="a name twice"),
    pytest.param(zipped(lambda a: a.writestr("index.html", bytes(300_000_000))), 0, "archive", id="a bomb"),
    pytest.param(bit_in_zip, 256, "bundle", id="a bit turned in the zip"),
    pytest.param(exported(lambda f, _: put(f / "notes.txt", b"x"), relist=False), 0, "manifest", id="a file added"),
    pytest.param(
        exported(lambda f, _: (f / "leaves/300.json").unlink(), relist=False), 300, "manifest", id="a file taken away"
    ),
    pytest.param(
        exported(lambda f, _: change(f / "leaves/300.json", b"done", b"dona"), relist=False),
        300,
        "form",
        id="a file changed",
    ),
    pytest.param(
        exported(lambda f, log: put(f / "leaves/300.json", log.edited(300).entries[300])),
        300,
        "altered",
        id="the entry beside its proof changed",
    ),
    pytest.param(
        exported(lambda f, log: put(f / "leaves/300.json", log.entries[301])),
        300,
        "sequence",
        id="the entry of another proof",
    ),
    pytest.param(range_missing, 256, "missing", id="a range with a hole"),
    pytest.param(
        exported(lambda f, _: proof_lines(f, lambda lines: lines.__setitem__(4, base64.b64encode(bytes(32))))),
        300,
        "proof",
        id="a hash in a proof",
    ),
    pytest.param(
        exported(lambda f, _: proof_lines(f, lambda lines: lines.pop(4))), 300, "proof", id="a hash less in a proof"
    ),
    pytest.param(
        exported(lambda f, _: proof_lines(f, lambda lines: lines.insert(4, lines[4]))),
        300,
        "proof",
        id="a hash more in a proof",
    ),
    pytest.param(
        exported(lambda f, _: proof_lines(f, lambda lines: lines.__setitem__(1, b"index 301"))),
        300,
        "proof",
        id="a proof for another position",
    ),
    pytest.param(
        exported(lambda f, _: proof_lines(f, lambda lines: lines.__setitem__(0, b"c2sp.org/tlog-proof@v2"))),
        300,
        "proof",
        id="a proof of another kind",
    ),
    pytest.param(
        exported(lambda f, log: put(f / "checkpoints/301", checkpoint(log.edited(290).entries[:301]).encode())),
        201,
        "fork",
        id="a checkpoint of another branch among the earlier ones",
    ),
    pytest.param(
        exported(lambda f, _: opening_changed(f, "value", "another reason")),
        150,
        "opening",
        id="an opened value altered",
    ),
    pytest.param(exported(lambda f, _: opening_changed(f, "nonce", "00" * 32)), 150, "opening", id="a nonce altered"),
    pytest.param(exported(lambda f, _: opening_changed(f, "seq", 3)), 3, "opening", id="an opening of another entry"),
    pytest.param(exported(lambda f, _: openings_swapped(f)), 150, "opening", id="two opened values exchanged"),
    pytest.param(
        exported(lambda f, _: seal_changed(f, b'"to":201', b'"to":301')), 101, "seal", id="a daily seal altered"
    ),
    pytest.param(
        exported(lambda f, _: (f / "seals/2026-03-03.json").unlink()),
        201,
        "seal",
        id="a daily seal taken out of the chain",
    ),
    pytest.param(
        exported(lambda f, _: seal_changed(f, b'"v":1}', b'"v": 1}')),
        101,
        "seal",
        id="a daily seal in another encoding",
    ),
]


# -- witnesses, time stamps, receipts --------------------------------------------------------------------

AT = 1_772_442_720  # 2026-03-02T09:12Z, a little after the last entry


def witnessed(made: Callable[[Stolen], tuple[Stolen, str]]) -> Case:
    """A log whose checkpoint carries witnesses, judged by the auditor's own policy."""

    def case(log: Stolen, where: Path) -> Arguments:
        shown, note = made(log)
        folder = shown.publish(where / "log")
        put(folder / "checkpoint", note.encode())
        put(where / "policy", policy())
        return pinned(folder, "--policy", where / "policy")

    return case


def replayed(log: Stolen) -> tuple[Stolen, str]:
    """The lines of witnesses who saw another checkpoint."""
    lines = cosigned(log.notes[601], seconds=AT).split("\n\n")[1].splitlines(keepends=True)[1:]
    return log, log.note + "".join(lines)


def moved_time(log: Stolen) -> tuple[Stolen, str]:
    """A witness's line with another time in it."""
    note = cosigned(log.note, seconds=AT)
    line = note.splitlines()[-1]
    blob = base64.b64decode(line.split(" ")[2])
    later = blob[:4] + (AT + 9).to_bytes(8, "big") + blob[12:]
    return log, note.replace(line.split(" ")[2], base64.b64encode(later).decode())


def forth(log: Stolen) -> tuple[Stolen, str]:
    made = log.dated(650, 86_400_000_000).signed()
    return made, cosigned(made.note, seconds=AT)


ANCHORS: list[Any] = [
    pytest.param(witnessed(replayed), 700, "cosignature", id="a replayed cosignature"),
    pytest.param(witnessed(moved_time), 700, "cosignature", id="a cosignature with another time"),
    pytest.param(
        witnessed(lambda log: (log, cosigned(log.note, by=[0], seconds=AT))), 700, "quorum", id="too few witnesses"
    ),
    pytest.param(
        witnessed(lambda log: (log, cosigned(log.note, by=[1, 1], seconds=AT))), 700, "quorum", id="one witness twice"
    ),
    pytest.param(witnessed(forth), 700, "clock", id="the clock set forth"),
    pytest.param(
        witnessed(lambda log: (log.edited(300).rechained(300).signed(), log.edited(300).rechained(300).signed().note)),
        700,
        "quorum",
        id="rebuilt and signed anew, without the witnesses",
    ),
]

CASES = [*THE_PAST, *FILES, *EXPORTS, *ANCHORS]


def test_the_log_that_nobody_touched_is_in_order_in_every_form(stolen: Stolen, tmp_path: Path) -> None:
    put(tmp_path / "policy", policy())
    witnessed_log = replace(stolen.copy(), notes={**stolen.notes, 701: cosigned(stolen.note, seconds=AT)})
    folder = witnessed_log.export(tmp_path / "export")
    for source in (stolen.folder / "log", folder, packed(folder, tmp_path / "export.zip")):
        more = ["--policy", str(tmp_path / "policy")] if source != stolen.folder / "log" else []
        report = judged(pinned(source, "--earlier", kept(stolen, tmp_path, 301), *more))
        assert (report.faults, report.exit_code) == ([], 0), report.words()


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(("case", "position", "kind"), CASES)
def test_what_was_done_is_found_where_it_was_done(
    stolen: Stolen, tmp_path: Path, case: Case, position: int, kind: str
) -> None:
    report = judged(case(stolen, tmp_path))
    assert report.faults, report.words()
    first = report.faults[0]
    assert (first.position, first.kind) == (position, kind), report.words()
    assert report.exit_code == 1
    assert len(first.sentence) > 20
