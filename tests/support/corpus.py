"""The development corpus in an installation, and all that its REST interface says of it afterwards.

What is told names no id, number or instant of one installation, so that two can be held against each
other: a document goes by its path in the corpus, what was found in it by that path and its own name.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import httpx

from search.folding import fold
from search.schema import TITLE_KEY_LENGTH
from tests.support.server import named

V1 = "/api/v1"
PAGE = 200
_GONE_BY = {"date": "document_date", "received": "captured_at", "total": "total_minor", "title": "title"}
"""What of a record each sort goes by."""
OWN = {
    "id": "chosen at random",
    "number": "chosen at random",
    "entity": "an id",
    "department": "an id",
    "parent": "an id; what was found in a document is named after it",
    "captured_at": "when it was sent",
    "added_at": "when it was sent",
    "state_since": "when it was read",
    "channel": "one was imported on the command line, the other sent to web servers",
    "revision": "counts how often it was touched on its way, trials included",
    "digest": "of bytes that are sealed under another key",
}
"""What of a record belongs to the installation that holds it, and why."""


@dataclass(frozen=True)
class Answer:
    """All that one search tells, its pages put together."""

    found: frozenset[str]
    """Names of documents."""
    order: tuple[frozenset[str], ...]
    """The same in the order of the sort, those side by side whose values are the same; empty by relevance."""
    total: int
    facets: Mapping[str, Mapping[str, int]]
    snippets: Mapping[str, Any]
    """By name of the document."""
    parties: Mapping[str, Any]
    understood: Sequence[Any]
    """Chips and notes."""


@dataclass(frozen=True)
class Told:
    """All that an installation tells of the corpus."""

    documents: Mapping[str, Mapping[str, Any]]
    """Everything about each record but what is ``OWN``, with its text."""
    answers: Mapping[str, Answer]
    """By query, and the sort behind it."""
    suggestions: Mapping[str, Any]
    """By what was typed."""


def files(corpus: Path) -> list[Path]:
    """Every document, in the order in which an import takes them."""
    folders = sorted(path for path in corpus.iterdir() if path.is_dir() and path.name != "_pii")
    return [path for folder in folders for path in _walk(folder)]


def _walk(folder: Path) -> Iterator[Path]:
    inside = sorted(folder.iterdir())
    yield from (path for path in inside if path.is_file())
    for path in inside:
        if path.is_dir():
            yield from _walk(path)


def send(path: Path, client: httpx.Client) -> str:
    """Send a file; the id of its record."""
    answer = client.put(f"{V1}/uploads", content=path.read_bytes(), headers=named(path.name))
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


class Teller:
    """Asks one installation for everything, on behalf of whoever sent the corpus."""

    def __init__(self, client: httpx.Client, sent: Mapping[str, str]) -> None:
        """``sent`` gives the path in the corpus of each record that was sent."""
        self._client = client
        rows = list(self._pages("/records"))[::-1]
        self._names = _named(rows, sent)

    def tell(self, searches: Sequence[tuple[str, str]], beginnings: Sequence[str]) -> Told:
        """What it says of each record, of queries with a sort, and of the beginnings of words."""
        return Told(
            documents={name: self._document(record) for record, name in self._names.items()},
            answers={f"{text} | {sort}": self._answer(text, sort) for text, sort in searches},
            suggestions={typed: self._get("/suggest", q=typed)["items"] for typed in beginnings},
        )

    def read_again(self, trouble: str) -> int:
        """Ask that what has this trouble be read once more; tells how many records that is."""
        troubled = [row["id"] for row in self._pages("/records", state="needs_attention")]
        having = [record for record in troubled if self._get(f"/records/{record}")["trouble"]["code"] == trouble]
        for record in having:
            answer = self._client.post(f"{V1}/records/{record}/reading")
            assert answer.status_code == 202, answer.text
        return len(having)

    def _document(self, record: str) -> dict[str, Any]:
        told = _shared(self._get(f"/records/{record}"))
        # Parts of a record that come in no order.
        for part in ("fields", "components", "children"):
            told[part] = sorted((_shared(each) for each in told[part]), key=str)
        told["versions"] = [_shared(each) for each in told["versions"]]
        text = self._client.get(f"{V1}/records/{record}/text")
        told["text"] = text.text if text.status_code == 200 else text.json()["code"]
        return told

    def _answer(self, text: str, sort: str) -> Answer:
        first = self._get("/search", q=text, sort=sort, limit=1)
        items = list(self._pages("/search", q=text, sort=sort))
        names = [self._names[item["id"]] for item in items]
        assert len(set(names)) == len(names) == first["total"], f"{text}: {len(names)} of {first['total']}"
        return Answer(
            found=frozenset(names),
            order=() if sort == "relevance" else tuple(self._order(items, sort)),
            total=first["total"],
            facets={
                name: {each["value"]: each["count"] for each in counts} for name, counts in first["facets"].items()
            },
            snippets={name: item["snippet"] for name, item in zip(names, items, strict=True)},
            parties={name: item["parties"] for name, item in zip(names, items, strict=True)},
            understood=[first["chips"], first["notes"]],
        )

    def _order(self, items: Sequence[Mapping[str, Any]], sort: str) -> Iterator[frozenset[str]]:
        value = sort.removeprefix("-")
        if value == "received":
            # What was found in a document is received when that is read, and workers read side by side.
            items = [item for item in items if item["parent"] is None]
        for _, same in groupby(items, lambda item: _value(item, value)):
            if value != "received":
                yield frozenset(self._names[item["id"]] for item in same)
                continue
            # Sorted by whole seconds: within one they are put into the order of sending, which is that of the ids.
            for item in sorted(same, key=lambda item: str(item["id"]), reverse=sort.startswith("-")):
                yield frozenset([self._names[item["id"]]])

    def _pages(self, path: str, **asked: Any) -> Iterator[dict[str, Any]]:
        while True:
            page = self._get(path, limit=PAGE, **asked)
            yield from page["items"]
            if page["next"] is None:
                return
            asked["cursor"] = page["next"]

    def _get(self, path: str, **asked: Any) -> Any:
        answer = self._client.get(V1 + path, params=asked)
        assert answer.status_code == 200, f"{path} {asked}: {answer.text}"
        return answer.json()


def _value(item: Mapping[str, Any], sort: str) -> Any:
    value = item[_GONE_BY[sort]]
    match sort:
        case "title":
            return " ".join(fold(value).split())[:TITLE_KEY_LENGTH]
        case "received":
            return int(datetime.fromisoformat(value).timestamp())
        case _:
            return value


def _named(rows: Sequence[Mapping[str, Any]], sent: Mapping[str, str]) -> dict[str, str]:
    """A name for each record; ``rows`` has the oldest first, so that a parent comes before what was found in it."""
    names, times = dict(sent), Counter[str]()
    for row in rows:
        if row["parent"] is not None:
            name = f"{names[row['parent']]} > {row['name']}"
            times[name] += 1
            names[row["id"]] = name if times[name] == 1 else f"{name} ({times[name]})"
    assert set(names) == {row["id"] for row in rows}, "records are listed that nobody sent, or some are not"
    assert len(set(names.values())) == len(names)
    return names


def _shared(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name not in OWN}


def differences(ours: Told, theirs: Told) -> list[tuple[str, str, Any, Any]]:
    """What two installations tell differently: of what, which part of it, and what each says."""
    found: list[tuple[str, str, Any, Any]] = []
    for kind, one, other in (
        ("document", ours.documents, theirs.documents),
        ("query", {q: asdict(a) for q, a in ours.answers.items()}, {q: asdict(a) for q, a in theirs.answers.items()}),
        ("beginning", _as_parts(ours.suggestions), _as_parts(theirs.suggestions)),
    ):
        for name in sorted(one.keys() | other.keys()):
            if name not in one or name not in other:
                found.append((f"{kind} {name}", "there", name in one, name in other))
                continue
            parts = one[name].keys() | other[name].keys()
            found += [
                (f"{kind} {name}", part, one[name].get(part), other[name].get(part))
                for part in sorted(parts)
                if one[name].get(part) != other[name].get(part)
            ]
    return found


def _as_parts(suggestions: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {typed: {"suggestions": items} for typed, items in suggestions.items()}
