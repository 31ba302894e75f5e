"""The page that a person opens first: what an export holds, told in words. One file, no script, nothing loaded.

It proves nothing, and says so: what stands on it was written by the program that made the export.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from uuid import UUID

from audit.events import ObjectRef
from audit.trail import TrailEntry
from core.clock import from_us, to_us
from core.identifiers import show_record_number
from exports.scope import Scope

MOST_SHOWN = 2_000
_AT_EACH_END = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """What the page tells."""

    origin: str
    vkeys: tuple[str, ...]
    checkpoint: str
    made_at: datetime
    scope: Scope
    entries: tuple[TrailEntry, ...]
    """Ascending; of many the first and the last."""
    proved: frozenset[int]
    """Positions that come with a proof of their own."""
    descriptions: Mapping[str, str]
    """By action."""
    records: Mapping[UUID, str]
    """Numbers, of those that may be told."""
    case_files: Mapping[UUID, str]
    departments: Mapping[UUID, str]
    entities: Mapping[UUID, str]
    opened: int = 0


def shown_of(positions: Sequence[int]) -> tuple[int, ...]:
    """Which of the entries the page lists: all, or of many the first and the last."""
    if len(positions) <= MOST_SHOWN:
        return tuple(positions)
    return (*positions[:_AT_EACH_END], *positions[-_AT_EACH_END:])


def html_of(index: Index) -> str:
    """The page."""
    scope, size = index.scope, index.checkpoint.split("\n", 2)[1]
    facts = [
        ("Log", _fixed(index.origin)),
        ("About", escape(_scope_in_words(scope))),
        ("Entries", f"{scope.count}, at positions {scope.first} to {scope.last}"),
        ("Checkpoint", f"over {size} entries, in the file <a href='checkpoint'>checkpoint</a>"),
        ("Keys of the log", "<br>".join(_fixed(key) for key in index.vkeys)),
        ("Opened values", f"{index.opened}, in the file <a href='openings.jsonl'>openings.jsonl</a>"),
        ("Made", f"{_time(index.made_at)} UTC"),
    ]
    style = (files("exports") / "index.css").read_text("utf-8")
    told = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in facts)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Evidence from the audit log</title>
<style>
{style}</style>
</head>
<body>
<main>
<h1>Evidence from the audit log</h1>
<p class="lead">This page is a reading aid and proves nothing. What proves something are the files beside it, and they
are checked without the program that made them:</p>
<pre>python3 muniment_verify.py . --key KEY</pre>
<p>KEY is the log's verifier key as you wrote it down before, from another place than this archive. Add
<code>--earlier FILE</code> for a checkpoint that you kept. How to check by hand, with <code>sha256sum</code>,
<code>openssl</code> and <code>jq</code>, stands in <a href="README.txt">README.txt</a>.</p>
<dl>{told}</dl>
<h2>Entries</h2>
<p>Nobody is named: a person stands under an alias, which is the same for one calendar year and one kind of act,
reading or changing. Times are those of the server, in UTC. Names of departments and numbers of records are as the
program knows them today.</p>
{_table(index)}
<h2>What this does not show</h2>
<p>A program under foreign control could have written a false entry, or left one out, at the moment of writing. An entry
that was not about what was asked for is not here. Whoever holds the machine and the log's key could have written a
whole new log; a checkpoint that somebody outside kept shows that.</p>
</main>
</body>
</html>
"""


def _table(index: Index) -> str:
    people: dict[str, int] = {}
    rows, before = [], None
    for entry in index.entries:
        if before is not None and entry.seq > before + 1 and index.scope.positions is None:
            rows.append(
                f"<tr><td colspan='5'>{entry.seq - before - 1} entries between are in the bundles only</td></tr>"
            )
        rows.append(_row(entry, index, people))
        before = entry.seq
    heads = "".join(f"<th scope='col'>{name}</th>" for name in ("Position", "Appended", "What", "By", "About"))
    return f"<table><thead><tr>{heads}</tr></thead><tbody>\n{''.join(rows)}</tbody></table>"


def _row(entry: TrailEntry, index: Index, people: dict[str, int]) -> str:
    place = str(entry.seq)
    if entry.seq in index.proved:
        place = (
            f"<a href='leaves/{place}.json'>{place}</a><br><a class='small' href='proofs/{place}.tlog-proof'>proof</a>"
        )
    what = escape(index.descriptions.get(entry.action, ""))
    outcome = "" if entry.outcome == "done" else f" <strong>{escape(entry.outcome)}</strong>"
    details = " · ".join(f"{escape(key)} {escape(_short(value))}" for key, value in sorted(entry.details.items()))
    cells = (
        ("Position", place),
        ("Appended", _time(entry.appended_at)),
        ("What", f"{_fixed(entry.action)}{outcome}<br>{what}" + (f"<br><small>{details}</small>" if details else "")),
        ("By", _who(entry, index, people)),
        ("About", "<br>".join(_things(entry.objects, index))),
    )
    return "<tr>" + "".join(f"<td data-label='{name}'>{text}</td>" for name, text in cells) + "</tr>\n"


def _who(entry: TrailEntry, index: Index, people: dict[str, int]) -> str:
    by = entry.by
    if by.kind == "system":
        return f"the program ({escape(by.name or 'Muniment')})"
    if entry.alias is None:
        return "somebody who was not identified"
    number = people.setdefault(entry.alias, len(people) + 1)
    kind = "operator, acting for person" if by.kind == "operator" else "person"
    told = f"{kind} {number}<br><small>alias {_fixed(entry.alias)}</small>"
    department = index.departments.get(by.department) if by.department is not None else None
    return told if department is None else f"{told}<br>{escape(department)}"


def _things(things: Sequence[ObjectRef], index: Index) -> Iterator[str]:
    for thing in things:
        version = "" if thing.version is None else f", version {thing.version}"
        number = index.records.get(thing.id) if thing.kind == "record" else index.case_files.get(thing.id)
        if thing.kind == "record" and number is not None:
            number = show_record_number(number)
        if thing.kind in ("entity", "department"):
            number = (index.entities if thing.kind == "entity" else index.departments).get(thing.id)
        if number is not None:
            yield f"{escape(thing.kind.replace('_', ' '))} {escape(number)}{version}"
        elif thing.kind == "person":
            # Whose alias it is stands in the program that made this, not in its exports.
            yield "a person"
        else:
            yield f"{escape(thing.kind.replace('_', ' '))}{version}"


def _scope_in_words(scope: Scope) -> str:
    told = scope.told
    return {
        "range": "everything between two positions" + (": the whole log" if told.get("whole") else ""),
        "record": f"the record {told.get('number')}",
        "request": f"the request {told.get('request')}",
        "sample": f"{len(told.get('records', ()))} of {told.get('population')} records of the class"
        f" {told.get('class')} dated {told.get('year')}, drawn by the seed {told.get('seed')}",
        "person": "what one person changed, or had changed about them; not what they read",
    }[scope.kind]


def _short(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 80 else f"{text[:40]}…{text[-20:]}"


def _fixed(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def _time(at: datetime) -> str:
    told = from_us(to_us(at)).astimezone(UTC)
    return f"<time datetime='{told.isoformat()}'>{told:%d %B %Y %H:%M:%S}</time>"
