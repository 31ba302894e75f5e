"""What of the log is exported: a range of positions, or the entries about a record, a person, a request or a sample.

A range comes as whole bundles, which hold entries of every legal entity. Anything else comes entry by
entry, within the legal entities that the asker oversees. Of a person come changes only: what
somebody *read* is reported on other grounds, and never here.
"""

import re
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from sqlalchemy import and_, or_, select

from accounts import entities, people
from accounts.principal import Principal
from audit import trail
from audit.alias import AuditAlias
from audit.entries import AuditLeaf, AuditTrail
from audit.events import ObjectRef
from audit.trail import TrailEntry
from audit.trail_search import Asked, find, is_within
from core.database import ReadSession
from core.errors import Invalid, NotFound
from core.identifiers import show_record_number
from records import overseen
from records.sample import Sample, new_seed, sample_of
from vault.keyring import Keyring

MOST_ENTRIES = 20_000
"""How many entries come one by one, each with its proof. More than that is a range."""
_PAGE = 500
_RANGE = re.compile(r"([0-9]{1,15})?\.\.([0-9]{1,15})?").fullmatch
KINDS = ("range", "record", "person", "request", "sample")
_SAMPLE = re.compile(
    r"(?P<class>[a-z0-9_]{1,60})/(?P<year>[0-9]{4})/(?P<count>[0-9]{1,3})"
    r"(?:/(?P<seed>[0-9A-Za-z]{1,64})(?:/(?P<entity>[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}))?)?"
).fullmatch
_REQUEST = re.compile(r"[A-Za-z0-9_-]{1,64}").fullmatch


class NothingToExport(NotFound):
    """No entry under the checkpoint is of what was asked for."""

    code = "export_nothing"


class TooMuchToExport(Invalid):
    """There are more entries of it than are exported one by one."""

    code = "export_too_much"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked for, as a person writes it: one of these."""

    range: str = ""
    """``A..B``, both included; either may be left out."""
    record: str = ""
    """Number or id."""
    person: str = ""
    """Name at sign-in, or id."""
    request: str = ""
    sample: str = ""
    """``CLASS/YEAR/COUNT``, then ``/SEED`` and ``/ENTITY`` where they are given: records drawn, and their trails."""

    @property
    def kind(self) -> str:
        """Which of them it is.

        Raises:
            Invalid: none is, or several are.
        """
        named = [name for name in KINDS if getattr(self, name).strip()]
        if len(named) != 1:
            raise Invalid("name one of these: a range, a record, a person, a request, a sample")
        return named[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is exported."""

    kind: str
    first: int
    last: int
    count: int
    positions: tuple[int, ...] | None
    """Ascending; ``None``: everything from ``first`` to ``last``, in whole bundles."""
    told: dict[str, Any] = field(default_factory=dict)
    """What the archive says of it."""
    about: tuple[ObjectRef, ...] = ()
    drawn: "Drawn | None" = None
    """Of a sample."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A sample that was drawn for an export."""

    entity: UUID
    record_class: str
    year: int
    sample: Sample


def parse_range(text: str, size: int) -> tuple[int, int]:
    """The first and the last position of ``A..B`` in a log of that size.

    Raises:
        Invalid: it does not read like that, or the log has no such positions.
    """
    match = _RANGE(text.strip())
    if match is None:
        raise Invalid("a range reads A..B: two positions, both included")
    first, last = int(match[1] or 0), int(match[2]) if match[2] else size - 1
    if not first <= last < size:
        raise Invalid(f"the newest checkpoint covers the positions 0 to {size - 1}")
    return first, last


def scope_of(main: ReadSession, log: ReadSession, wanted: Wanted, size: int, *, by: Principal, keys: Keyring) -> Scope:
    """What is exported of a log of ``size`` entries.

    Raises:
        NotAllowed: a range, and ``by`` does not oversee every legal entity.
        NotFound: there is no such thing in the places ``by`` oversees, or no entry about it.
        Invalid: it cannot be read, or is too much.
    """
    kind = wanted.kind
    told: dict[str, Any]
    if kind == "range":
        for entity in entities.everything(main):
            by.require("audit.read", entity=entity.id)
        first, last = parse_range(wanted.range, size)
        told = {"kind": kind, "from": first, "to": last + 1}
        if (first, last) == (0, size - 1):
            told["whole"] = True
        return Scope(kind=kind, first=first, last=last, count=last - first + 1, positions=None, told=told)
    if kind == "record":
        row = overseen.get(main, wanted.record.strip(), by)
        found = _found(log, Asked(record=row.id, entities=overseen.entities_of(by)), size)
        told = {"record": row.id.hex, "number": show_record_number(row.number)}
        return _picked(kind, found, told, (ObjectRef("record", row.id),))
    if kind == "request":
        request = wanted.request.strip()
        if _REQUEST(request) is None:
            raise Invalid("the id of a request stands in the header Muniment-Request of its answer")
        found = _found(log, Asked(request=request, entities=overseen.entities_of(by)), size)
        return _picked(kind, found, {"request": request})
    if kind == "sample":
        return _sampled(main, log, wanted.sample, size, by)
    person = _person(main, wanted.person.strip(), keys)
    aliases = _aliases(log, person)
    found = _changes_of(log, aliases, overseen.entities_of(by), size)
    told = {"aliases": sorted(alias.hex() for alias in aliases), "changes_only": True}
    return _picked(kind, found, told, (ObjectRef("person", person),))


def _sampled(main: ReadSession, log: ReadSession, asked: str, size: int, by: Principal) -> Scope:
    """Records drawn by a seed, with everything that names one of them."""
    match = _SAMPLE(asked.strip())
    if match is None:
        raise Invalid("a sample reads CLASS/YEAR/COUNT or CLASS/YEAR/COUNT/SEED, such as supplier_invoice/2025/50/5eed")
    firms = [row.id for row in entities.everything(main) if by.may("audit.read", entity=row.id)]
    if match["entity"] is None and len(firms) != 1:
        raise Invalid("say which legal entity: CLASS/YEAR/COUNT/SEED/ENTITY")
    entity = UUID(match["entity"]) if match["entity"] else firms[0]
    if entity not in firms:
        raise NotFound("there is no such legal entity among those you oversee")
    year, count, seed = int(match["year"]), int(match["count"]), match["seed"] or new_seed()
    found = sample_of(main, entity, match["class"], year, count, seed, by=by)
    positions = set[int]()
    for row in found.drawn:
        positions.update(_found(log, Asked(record=row.id, entities=overseen.entities_of(by)), size))
        _check(len(positions))
    told = {
        "entity": entity.hex,
        "class": match["class"],
        "year": year,
        "seed": seed,
        "population": found.population,
        "population_sha256": found.population_digest.hex(),
        "records": [{"record": row.id.hex, "number": show_record_number(row.number)} for row in found.drawn],
    }
    about = tuple(ObjectRef("record", row.id) for row in found.drawn)
    scope = _picked("sample", sorted(positions), told, about)
    return replace(scope, drawn=Drawn(entity, match["class"], year, found))


def _picked(kind: str, positions: list[int], told: dict[str, Any], about: tuple[ObjectRef, ...] = ()) -> Scope:
    if not positions:
        raise NothingToExport("what happened a second ago may still be on its way under a checkpoint")
    return Scope(
        kind=kind,
        first=positions[0],
        last=positions[-1],
        count=len(positions),
        positions=tuple(positions),
        told={"kind": kind, **told},
        about=about,
    )


def _found(log: ReadSession, asked: Asked, size: int) -> list[int]:
    """Positions below ``size`` of what meets all that is asked, ascending."""
    positions: list[int] = []
    before: int | None = size
    while before is not None:
        page = find(log, asked, before=before, limit=_PAGE)
        positions += [entry.seq for entry in page.entries]
        _check(len(positions))
        before = page.next
    return positions[::-1]


def _changes_of(log: ReadSession, aliases: list[bytes], within: frozenset[UUID], size: int) -> list[int]:
    """Positions below ``size`` of changes that stand under these aliases, ascending."""
    keys = [(topic, alias) for alias in aliases for topic in ("actor", "second", "object.person")]
    if not keys:
        return []
    named = or_(*(and_(AuditTrail.topic == topic, AuditTrail.key == key) for topic, key in keys))
    rows = select(AuditTrail.seq).where(named, AuditTrail.seq < size).distinct().order_by(AuditTrail.seq)
    positions = list(log.scalars(rows.limit(MOST_ENTRIES + 1)))
    _check(len(positions))
    return [entry.seq for entry in told_at(log, positions) if is_within(entry, within)]


def told_at(log: ReadSession, positions: list[int] | tuple[int, ...]) -> list[TrailEntry]:
    """The entries at some positions, told, ascending."""
    found: list[TrailEntry] = []
    for start in range(0, len(positions), _PAGE):
        chunk = positions[start : start + _PAGE]
        entries = select(AuditLeaf.entry).where(AuditLeaf.seq.in_(chunk)).order_by(AuditLeaf.seq)
        found += trail.tell(log, log.scalars(entries))
    return found


def _aliases(log: ReadSession, person: UUID) -> list[bytes]:
    """Under which aliases a person stands in changes; those that were erased are nobody's."""
    asked = (AuditAlias.kind == "person", AuditAlias.subject == person.bytes, AuditAlias.use == "change")
    return list(log.scalars(select(AuditAlias.alias).where(*asked)))


def _person(main: ReadSession, asked: str, keys: Keyring) -> UUID:
    try:
        return UUID(asked)
    except ValueError:
        found = people.find_by_name(main, asked, keys)
    if found is None:
        raise NothingToExport("nobody has this name at sign-in")
    return found


def _check(count: int) -> None:
    if count > MOST_ENTRIES:
        raise TooMuchToExport(f"it has more than {MOST_ENTRIES} entries: export a range of positions")
