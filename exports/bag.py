"""Records as a BagIt 1.0 bag (RFC 8493), in a zip file that is written as it is read, in flat memory.

    <name>/bagit.txt, bag-info.txt
    <name>/manifest-sha256.txt, manifest-sha512.txt            of everything under data/
    <name>/tagmanifest-sha256.txt, tagmanifest-sha512.txt      of the other files
    <name>/data/README.txt, records.csv
    <name>/data/records/<number>/versions/<n>.<ending>         each file as it was captured, byte for byte
                                 components/<n>-<m>.<ending>   parts of version n: embedded XML, seals, signatures
                                 text/<n>.txt                  what was read in version n, pages between form feeds
                                 record.json, dublin-core.xml, premis.xml
    <name>/data/log/checkpoint, leaves/<seq>.json, proofs/<seq>.tlog-proof

The log's part holds every entry about a record that says what was done to it, with its proof; who read it stays here.
``docs/packages.md`` says what each key means. There is no fetch.txt: everything is in the bag.

Nothing here decides what is packed, and nothing is read but by the one door: the event that names every file is
durable before ``bag_of`` returns.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC
from pathlib import PurePosixPath
from typing import Any

from exports import bag_metadata
from exports.archive import Archive
from exports.bag_log import LogPart
from exports.bag_metadata import BagHead
from records.shown import Packed, PackedFile

MEDIA_TYPE = "application/zip"
ALGORITHMS = ("sha256", "sha512")
DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,8}").fullmatch
_COLUMNS = ("number", "id", "class", "document_date", "captured_at", "title", "folder", "files")


def bag_of(
    head: BagHead, records: Iterable[Packed], told_of: Callable[[Packed], Mapping[str, Any]], log: LogPart
) -> Iterator[bytes]:
    """The bytes of a bag, once. ``told_of``: what else its metadata says of a record, see ``bag_metadata``."""
    archive = Archive(head.made_at, also=ALGORITHMS[1:])
    inside = f"{head.name}/"
    index = io.StringIO()
    lines = csv.writer(index, lineterminator="\r\n")
    lines.writerow(_COLUMNS)
    count = 0
    for each in records:
        count += 1
        folder = f"{inside}data/records/{each.record.number}/"
        files = list[dict[str, Any]]()
        for path, file in _paths(each.files):
            yield from archive.stream(folder + path, file.chunks)
            files.append(_file(path, file, archive, folder + path))
        entries = log.entries_of(each.record.id, head.batch)
        told = bag_metadata.told(head, each, files, told_of(each), entries)
        yield archive.put(f"{folder}record.json", bag_metadata.to_json(told))
        yield archive.put(f"{folder}dublin-core.xml", bag_metadata.dublin_core(head, told))
        yield archive.put(f"{folder}premis.xml", bag_metadata.premis(head, told))
        lines.writerow(_line(told, len(files)))
    for path, data in log.files():
        yield archive.put(f"{inside}data/log/{path}", data)
    yield archive.put(f"{inside}data/records.csv", index.getvalue().encode())
    yield archive.put(f"{inside}data/README.txt", _words(head, count, log).encode())
    payload = [path for path in archive.sizes if path.startswith(f"{inside}data/")]
    size = sum(archive.sizes[path] for path in payload)
    yield archive.put(f"{inside}bagit.txt", DECLARATION)
    yield archive.put(f"{inside}bag-info.txt", _info(head, size, len(payload), count).encode())
    for name in ALGORITHMS:
        yield from archive.stream(f"{inside}manifest-{name}.txt", _manifest(archive, name, payload, inside))
    tags = sorted(set(archive.sizes) - set(payload))
    for name in ALGORITHMS:
        yield from archive.stream(f"{inside}tagmanifest-{name}.txt", _manifest(archive, name, tags, inside))
    yield archive.close()


def _manifest(archive: Archive, algorithm: str, paths: Iterable[str], inside: str) -> Iterator[bytes]:
    digests = archive.all_digests[algorithm]
    for path in sorted(paths):
        # Paths are made of numbers and endings here: nothing in them needs the escapes of RFC 8493, 2.1.3.
        yield f"{digests[path]}  {path.removeprefix(inside)}\n".encode()


def _paths(files: Iterable[PackedFile]) -> Iterator[tuple[str, PackedFile]]:
    parts = 0
    for file in files:
        if file.kind == "version":
            parts = 0
            yield f"versions/{file.ordinal}{_ending(file.name)}", file
        elif file.kind == "component":
            parts += 1
            yield f"components/{file.ordinal}-{parts}{_ending(file.name)}", file
        else:
            yield f"text/{file.ordinal}.txt", file


def _ending(name: str) -> str:
    ending = PurePosixPath(name).suffix
    return ending.lower() if _ENDING(ending) else ""


def _file(path: str, file: PackedFile, archive: Archive, inside: str) -> dict[str, Any]:
    return {
        "path": path,
        "kind": file.kind,
        "version": file.ordinal,
        "role": file.role or None,
        "name": file.name or None,
        "media_type": file.media_type,
        "bytes": archive.sizes[inside],
        **{name: archive.all_digests[name][inside] for name in ALGORITHMS},
        "sealed_sha256": file.sealed_sha256.hex(),
        "added_at": bag_metadata.instant(file.added_at),
        "pages": file.page_count,
    }


def _line(told: Mapping[str, Any], files: int) -> tuple[object, ...]:
    record = told["record"]
    return (
        record["number"],
        record["id"],
        record["class"]["code"] or "",
        record["document_date"] or "",
        record["captured_at"],
        " ".join(record["title"].split()),
        f"records/{record['number']}",
        files,
    )


def _info(head: BagHead, size: int, files: int, records: int) -> str:
    """``bag-info.txt``; the labels that RFC 8493, 2.2.2 reserves, and those of this program behind them."""
    lines = [
        ("Source-Organization", head.organisation),
        ("Bagging-Date", f"{head.made_at.astimezone(UTC):%Y-%m-%d}"),
        ("Bag-Software-Agent", "Muniment"),
        ("External-Identifier", f"urn:uuid:{head.package}"),
        ("Bag-Group-Identifier", f"urn:uuid:{head.batch}"),
        ("External-Description", _DESCRIPTIONS[head.kind]),
        ("Payload-Oxum", f"{size}.{files}"),
        ("Muniment-Format", bag_metadata.FORMAT),
        ("Muniment-Kind", head.kind),
        ("Muniment-Records", str(records)),
        ("Muniment-Log-Origin", head.origin),
    ]
    return "".join(f"{label}: {' '.join(value.split())}\n" for label, value in lines)


_DESCRIPTIONS = {
    "transfer": "Records transferred to an archive. The sender destroys them once the archive has acknowledged it.",
    "permanent": "Records that are kept permanently; this bag is their copy outside the sender's system.",
}


def _words(head: BagHead, records: int, log: LogPart) -> str:
    return f"""{_DESCRIPTIONS[head.kind]}

Organisation  {head.organisation} ({head.country})
Package       {head.package}
Records       {records}
Made          {head.made_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC

This is a bag (BagIt 1.0, RFC 8493). To check that it arrived whole, in the folder above this one:

  sha512sum --quiet -c manifest-sha512.txt && sha512sum --quiet -c tagmanifest-sha512.txt

records.csv lists the records. Each has a folder, records/<number>:

  versions/         its files as they were captured, byte for byte, the first version first
  components/       parts of a version: embedded invoice data, seals, signatures
  text/             the text that was read in a version; pages are separated by form feeds
  record.json       what is known of the record: class, dates, parties, origin, access, retention, decision
  dublin-core.xml   the same in part, as Dublin Core
  premis.xml        the same in part, as PREMIS 3 objects, events, agents and rights

Persons stand there as ids, not by name.

The folder log holds what the sender's audit log {head.origin}
says was done to these records: leaves/<n>.json are its entries, proofs/<n>.tlog-proof (C2SP tlog-proof) show that each
stands in the log that the signed note checkpoint is about. Who read the records is not in here.{log.missing_text}
"""
