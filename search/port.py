"""The port to the search index: what goes in, what can be asked, what is promised.

The index is a cache of clear terms: never backed up, always rebuildable from the records. It
keeps no bodies, so whoever needs text (snippets, re-indexing) reads it through
``records.content``. Hits are candidates: the caller checks them again in SQL.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final, Literal, Protocol, TypeAlias
from uuid import UUID

from core.errors import Conflict, Invalid, Unavailable
from search.tree import Everything, Node

Sort: TypeAlias = Literal[
    "relevance",
    "-date",
    "date",
    "-received",
    "received",
    "-total",
    "total",
    "title",
    "-title",
]
"""A minus sorts from the highest down. Records without that value come last both ways."""

SORTS: Final[tuple[Sort, ...]] = (
    "relevance",
    "-date",
    "date",
    "-received",
    "received",
    "-total",
    "total",
    "title",
    "-title",
)
FACETS: Final = ("class", "department", "language", "year", "state", "type", "party", "currency")
MOST_HITS: Final = 200
"""Hits one page may hold."""
MOST_OFFSET: Final = 1_000
"""Hits that a sort by relevance or title can be paged through."""
REBUILD_BATCH: Final = 64
"""Documents asked of ``reload`` at a time while the index is rebuilt: between two, the writer does other work."""


class IndexUnusable(Unavailable):
    """The search index is missing, damaged or of another version, and must be rebuilt."""

    code = "search_index_unusable"


class IndexBusy(Conflict):
    """Another process writes the search index."""

    code = "search_index_busy"


class IndexNotWritten(Unavailable):
    """The search index could not be written; all since the last commit was dropped."""

    code = "search_index_not_written"


class BadCursor(Invalid):
    """The cursor does not belong to this search: start again from the first page."""

    code = "bad_cursor"


@dataclass(frozen=True, slots=True)
class IndexDocument:
    """What the index is told of one record. Its id is the key: putting it again replaces it."""

    record_id: UUID
    record_number: str
    access_set: int
    entity: str
    """Hex id of the legal entity."""
    record_class: str
    classes: tuple[str, ...]
    """The class and all its ancestors: a filter for the parent finds the child."""
    received_at: datetime
    state: str
    media_kind: str
    revision: int
    """Counts up with each change; tells what the index knows when drift is looked for."""
    body: str = field(repr=False)
    title: str = field(default="", repr=False)
    parties: tuple[str, ...] = field(default=(), repr=False)
    number: str | None = field(default=None, repr=False)
    case_file: str | None = None
    department: str | None = None
    language: str | None = None
    """ISO 639-1."""
    document_date: date | None = None
    total_minor: int | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """One search on behalf of one caller."""

    query: Node = field(default_factory=Everything)
    access_sets: Sequence[int] | None = ()
    """Sets the caller may see. ``None`` is all, for Muniment's own use only; empty finds nothing."""
    entities: Sequence[str] | None = None
    """Hex ids of the legal entities searched; ``None`` is all."""
    without: Sequence[UUID] = ()
    """Records left out: those the index still holds under a set that is theirs no more."""
    sort: Sort = "relevance"
    """Relevance without any word to rank by is ``-received``."""
    cursor: str | None = None
    limit: int = 25
    facets: Sequence[str] = ()
    """Names of ``FACETS``; leave them out on later pages, they do not change."""
    facet_values: int = 20
    """Values told of each facet."""
    zone: str = "UTC"
    """IANA zone whose days ``received:`` means."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A record that matches, with what the index knows of it."""

    record_id: UUID
    score: float
    """Comparable within one result only; 0 where the sort is not by relevance."""
    revision: int


FacetCounts: TypeAlias = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class SearchResult:
    """One page of hits. ``total`` and ``facets`` count all that match, not this page."""

    hits: tuple[Hit, ...]
    total: int
    facets: Mapping[str, FacetCounts]
    """Values and their counts, the most frequent first."""
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """How a typed beginning may go on."""

    text: str
    kind: Literal["word", "party"]
    records: int
    """Visible records that hold it."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """What an erasure did."""

    shards: int
    """Parts of the index that were rebuilt; 0 means that nothing was left to erase."""
    kept: int
    """Other records that were put again."""
    lost: tuple[UUID, ...]
    """Other records that were in a rebuilt part and that ``reload`` no longer gave: they are out of the index now."""


Reload: TypeAlias = Callable[[Sequence[UUID]], Iterator[IndexDocument]]
"""Gives the documents of the records asked for, in any order, less those that are gone."""


class SearchReader(Protocol):
    """Questions to the index, from any number of processes and threads.

    - What the access sets leave out is not found, counted, faceted, suggested or completed.
    - A committed change is seen by every search begun after ``commit`` returned, in every process.
    - Paging by date, received or total shows each record once while nothing changes, however many
      there are; a change in between neither repeats nor hides others. Relevance and title go to 1,000 hits.
    """

    def search(self, request: SearchRequest) -> SearchResult:
        """One page of what matches.

        Raises:
            Invalid: an unknown sort or facet, or a limit outside 1 to 200.
            BadCursor: the cursor is no cursor, or one of another search.
            IndexUnusable: rebuild the index.
        """

    def suggest(
        self,
        prefix: str,
        access_sets: Sequence[int] | None,
        entities: Sequence[str] | None = None,
        limit: int = 8,
        without: Sequence[UUID] = (),
    ) -> tuple[Suggestion, ...]:
        """Parties and words that begin so in records one may see, the most frequent first; parties before words.

        Words come folded. Under two letters or digits nothing is suggested.
        """

    def count(self) -> int:
        """Records in the index."""

    def ids(self) -> Iterator[tuple[UUID, int]]:
        """Every record's id and revision, in no order, read in pieces of bounded size."""

    def building(self) -> int | None:
        """Records in the index that is being built to take the place of this one; ``None`` where none is."""

    def refresh(self) -> None:
        """Look for committed changes now. Searches do so by themselves."""

    def close(self) -> None:
        """Let go of files. The reader cannot be used any more."""


class SearchIndex(SearchReader, Protocol):
    """The index and its changes; one process at a time holds it open for writing.

    ``put`` and ``remove`` take effect at ``commit``. Killed before that, the last committed state is
    what remains; killed during it, a part of the changes may be in: so a job is done only when
    ``commit`` has returned, and doing it again is harmless.
    """

    def put(self, documents: Iterable[IndexDocument]) -> None:
        """Add documents, each replacing what was there for its record.

        Raises:
            Invalid: an integer beyond 63 bits, or an instant without a zone; what came before it was taken.
            IndexNotWritten: a full disk, for example.
        """

    def remove(self, record_ids: Iterable[UUID]) -> None:
        """Take records out. Their terms may stay in the files until ``erase``."""

    def commit(self) -> None:
        """Make all changes durable and visible.

        Raises:
            IndexNotWritten: a full disk, for example; do the jobs of this commit again.
        """

    def hide(self, record_ids: Iterable[UUID]) -> frozenset[UUID]:
        """Take records out of all answers at once (this commits); those that were there are returned.

        Terms may stay in the files: hiding is not erasing.
        """

    def retag(self, access_sets: Mapping[UUID, int]) -> frozenset[UUID]:
        """Give records another access set, at once (this commits).

        Returns those that must be ``put`` again: an index that cannot change a field in place hides
        them until then, so that tightening never waits. Unknown records are ignored.
        """

    def erase(self, record_ids: Iterable[UUID], reload: Reload) -> Erasure:
        """Hide records at once, then leave no byte of them in any file.

        Touched parts of the index are rebuilt from ``reload``, swapped in, and the old files deleted.
        Killed in between, call it again: it finds what is still to do. What had been removed earlier
        is erased just so. Readers elsewhere let go of the old files at their next search.
        """

    def rebuild(self, record_ids: Iterable[UUID], reload: Reload) -> Generator[int, None, None]:
        """Build the index anew beside itself and take its place: tells after each batch how many were put.

        Questions are answered from the old one until the last batch is in. What is put, removed, hidden or
        erased meanwhile, between two batches or while ``reload`` reads, goes to both and is newer than what
        ``reload`` gives. Closed half way or killed, nothing has changed, and the next rebuild begins afresh.
        Its beginning and its end commit whatever is held.

        Raises:
            IndexNotWritten: a full disk, for example; begin again.
        """
