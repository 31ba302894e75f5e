"""The tables of the log, and the one function that adds to them.

An append locks the head row, so two processes never build on the same entry; the primary
key refuses a second entry at a position. Triggers refuse changes to what is written: they
deter, the tree is what detects. The trail (which entries concern what) and the nodes are
derived from the entries and can be rebuilt from them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    Connection,
    Dialect,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    event,
    insert,
)
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from audit.leaf import MAX_ENTRY_BYTES, leaf_hash, splice
from audit.tree import CompactRange
from core.database import LogTable
from core.errors import Conflict, IntegrityFailure

# SQLite keeps a table in the order of its key only if the key is declared INTEGER.
_POSITION = BigInteger().with_variant(Integer, "sqlite")


_ROWS_AT_ONCE = 256


class LogNotStarted(Conflict):
    """The audit log has not been started."""

    code = "audit_not_started"


class HeadMoved(IntegrityFailure):
    """The head of the audit log is not where its lock holder left it."""

    code = "audit_head_moved"


class AuditLeaf(LogTable):
    """One entry, as its exact bytes."""

    __tablename__ = "audit_leaves"
    __table_args__ = (CheckConstraint(f"length(entry) <= {MAX_ENTRY_BYTES}", name="entry_length"),)

    seq: Mapped[int] = mapped_column(_POSITION, primary_key=True, autoincrement=False)
    entry: Mapped[bytes] = mapped_column(LargeBinary)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    event_id: Mapped[bytes] = mapped_column(LargeBinary(16), unique=True)
    """The body's ``id``: an intake row moved twice is noticed by it."""


class AuditHead(LogTable):
    """Where the log ends; one row, locked by every append."""

    __tablename__ = "audit_head"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    size: Mapped[int]
    range: Mapped[bytes] = mapped_column(LargeBinary)
    """Compact range of the tree: up to 64 hashes."""
    previous: Mapped[bytes] = mapped_column(LargeBinary(32))
    last_append_us: Mapped[int]
    epoch: Mapped[int]
    """Grows when what other processes remember of the aliases is no longer true."""


class AuditNode(LogTable):
    """Root of a full subtree of 2^8, 2^16, … leaves, so that a proof reads few rows."""

    __tablename__ = "audit_nodes"

    height: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))


_ACTION, _ACTOR, _SECOND, _REQUEST, _RECORD = "a", "p", "s", "r", "o"
TOPICS = {"action": _ACTION, "actor": _ACTOR, "second": _SECOND, "request": _REQUEST, "object.record": _RECORD}
"""How the trail writes the topics that most of its rows have; every other is written out. No topic is one letter."""
_NAMES = {letter: topic for topic, letter in TOPICS.items()}


class Topic(TypeDecorator[str]):
    """A topic of the trail, stored as its letter where it has one: the trail has four rows for an entry."""

    impl = String(50)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else TOPICS.get(value, value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else _NAMES.get(value, value)


class AuditTrail(LogTable):
    """Which entries concern what: ``actor`` and ``second`` (alias), ``action``, ``request``, ``object.<kind>``."""

    __tablename__ = "audit_trail"
    # No index by position: the key says all there is, and one would hold all of it again.
    __table_args__ = ({"sqlite_with_rowid": False},)

    topic: Mapped[str] = mapped_column(Topic, primary_key=True)
    key: Mapped[bytes] = mapped_column(LargeBinary(80), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class Receipt(NamedTuple):
    """Where an event stands in the log. With a later checkpoint it proves that the entry was kept."""

    seq: int
    leaf_hash: bytes


class Prepared(NamedTuple):
    """An entry serialised up to its place in the chain."""

    body: bytes
    event_id: bytes
    action: str
    trail: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Head:
    """The head row, read and locked."""

    tree: CompactRange
    previous: bytes
    last_append_us: int
    epoch: int


_LEAVES, _HEAD, _NODES, _TRAIL = (cast(Table, row.__table__) for row in (AuditLeaf, AuditHead, AuditNode, AuditTrail))


def trail_of(body: dict[str, Any]) -> tuple[tuple[str, bytes], ...]:
    """What the trail notes of an entry's body: (topic as it is stored, key), each once."""
    topics = [(_ACTION, body["action"].encode())]
    if "i" in body["actor"]:
        topics.append((_ACTOR, bytes.fromhex(body["actor"]["i"])))
    if "x" in body:
        topics.append((_SECOND, bytes.fromhex(body["x"])))
    if "r" in body:
        topics.append((_REQUEST, request_key(body["r"])))
    objects = body.get("objects", ())
    topics += [
        (_RECORD if item["k"] == "record" else f"object.{item['k']}", bytes.fromhex(item["i"])) for item in objects
    ]
    return tuple(topics if len(objects) < 2 else dict.fromkeys(topics))


def request_key(request: str) -> bytes:
    """What the trail has a request or job under: the 16 bytes of an id in hex, the text of any other."""
    return bytes.fromhex(request) if _ID(request) is not None else request.encode()


_ID = re.compile(r"[0-9a-f]{32}").fullmatch
_READ_HEAD = "SELECT size, range, previous, last_append_us, epoch FROM audit_head"
_MOVE_HEAD = (
    "UPDATE audit_head SET size = ?, range = ?, previous = ?, last_append_us = ? WHERE size = ? AND previous = ?"
)


def lock_head(connection: Connection) -> Head | None:
    """The head row, locked until the transaction ends; ``None`` before the log has started."""
    # SQLite has no row locks: there the whole transaction is the only one.
    lock = "" if connection.dialect.name == "sqlite" else " FOR UPDATE"
    row = _execute(connection, _READ_HEAD + lock).fetchone()
    if row is None:
        return None
    size, hashes, previous, last_append_us, epoch = row
    return Head(CompactRange.from_bytes(size, hashes), previous, last_append_us, epoch)


def append(connection: Connection, head: Head, items: Sequence[Prepared], *, now_us: int) -> list[Receipt]:
    """Add entries behind ``head``, which this transaction has locked. Durable once it has committed.

    Raises:
        HeadMoved: the lock was not held.
    """
    appended_us = max(head.last_append_us, now_us)
    tree, previous, first = head.tree.copy(), head.previous, head.tree.size
    leaves: list[tuple[Any, ...]] = []
    trail: list[tuple[Any, ...]] = []
    completed: list[tuple[Any, ...]] = []
    receipts: list[Receipt] = []
    for seq, item in enumerate(items, start=first):
        entry = splice(item.body, sequence=seq, appended_us=appended_us, previous=previous)
        previous = leaf_hash(entry)
        tree.append(previous, completed)
        leaves.append((seq, entry, previous, item.event_id))
        trail += [(topic, key, seq) for topic, key in item.trail]
        receipts.append(Receipt(seq, previous))
    if not leaves:
        return receipts
    end = (tree.size, tree.to_bytes(), previous, appended_us, first, head.previous)
    if connection.dialect.name == "postgresql":
        # All of it by one statement: others wait for the head while a statement is on its way.
        tables = {_LEAVES: leaves, _TRAIL: trail, _NODES: completed}
        filled = {table: rows for table, rows in tables.items() if rows}
        columns = [list(column) for rows in filled.values() for column in zip(*rows, strict=True)]
        moved = _execute(connection, _append_statement(tuple(filled)), [*columns, *end])
    else:
        insert_rows(connection, _LEAVES, leaves)
        insert_rows(connection, _TRAIL, trail)
        insert_rows(connection, _NODES, completed)
        moved = _execute(connection, _MOVE_HEAD, end)
    if moved.rowcount != 1:
        raise HeadMoved("another writer moved the head inside this transaction")
    return receipts


def create_head(connection: Connection) -> Head:
    """The head of an empty log; once in its life."""
    row = {"id": 1, "size": 0, "range": b"", "previous": bytes(32), "last_append_us": 0, "epoch": 0}
    connection.execute(insert(_HEAD), [row])
    return Head(CompactRange(), bytes(32), 0, 0)


def insert_rows(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows given in the order of the table's columns, by few statements of many rows each.

    The driver lets other threads run at every statement, and ``executemany`` makes one of each
    row: with many waiting threads that took longer than the writing. PostgreSQL takes each
    column as one array, by a statement that is the same for any number of rows, and so planned once.
    """
    if connection.dialect.name == "postgresql":
        if rows:
            _execute(connection, _unnest_statement(table), [list(column) for column in zip(*rows, strict=True)])
        return
    for place in range(0, len(rows), _ROWS_AT_ONCE):
        chunk = rows[place : place + _ROWS_AT_ONCE]
        values = tuple(chain.from_iterable(chunk))
        _execute(connection, _insert_statement(table, len(chunk)), values)


def _execute(connection: Connection, sql: str, values: Sequence[Any] = ()) -> Any:
    """Give a statement, with ``?`` for each value, straight to the driver; returns the driver's cursor.

    Every append runs these few: what SQLAlchemy does around one takes longer than most of them.
    """
    cursor = connection.connection.cursor()
    cursor.execute(sql if connection.dialect.paramstyle == "qmark" else sql.replace("?", "%s"), values)
    return cursor


@lru_cache
def _unnest_statement(table: Table) -> str:
    from sqlalchemy.dialects import postgresql

    names = ", ".join(column.name for column in table.columns)
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    arrays = ", ".join(f"%b::{column.type.compile(dialect)}[]" for column in table.columns)
    return f"INSERT INTO {table.name} ({names}) SELECT * FROM unnest({arrays})"  # noqa: S608 (names only)


@lru_cache
def _append_statement(tables: tuple[Table, ...]) -> str:
    parts = ", ".join(f"into_{table.name} AS ({_unnest_statement(table)})" for table in tables)
    return f"WITH {parts} {_MOVE_HEAD}"


@lru_cache(maxsize=1024)
def _insert_statement(table: Table, count: int) -> str:
    row = ", ".join("?" * len(table.columns))
    names = ", ".join(column.name for column in table.columns)
    return f"INSERT INTO {table.name} ({names}) VALUES {', '.join([f'({row})'] * count)}"  # noqa: S608 (names only)


_KEPT = (
    "audit_nodes",
    "audit_checkpoints",
    "audit_catalogues",
    "audit_cosignatures",
    "audit_timestamps",
    "audit_seals",
    "audit_withdrawals",
)
_REFUSE = "audit rows are never changed"
# What a withdrawal leaves of an entry: position and hash; and an id made of it, for that column is unique.
_STRIPPED = (
    "NEW.seq = OLD.seq AND NEW.hash = OLD.hash AND length(NEW.entry) = 0 AND NEW.event_id = substr(OLD.hash, 1, 16)"
)
_COVERED = "EXISTS (SELECT 1 FROM audit_withdrawals WHERE first <= OLD.seq AND OLD.seq < past)"
_SAID = "EXISTS (SELECT 1 FROM audit_trail WHERE topic = 'a' AND key = {key} AND seq = NEW.event)"


def guards(table: str, dialect: str) -> list[str]:
    """SQL that makes the database refuse to change what the log has written, for migrations too.

    An entry may lose its bytes, and the trail its rows of it, where a withdrawal covers it.
    """
    is_postgresql = dialect == "postgresql"
    changes: dict[str, str] = {}
    """Change, and when it is admitted."""
    if table == "audit_head":
        changes = {"delete": "", "update": "NEW.size >= OLD.size AND NEW.epoch >= OLD.epoch AND NEW.id = OLD.id"}
    elif table == "audit_leaves":
        changes = {"delete": "", "update": f"{_STRIPPED} AND {_COVERED}"}
    elif table == "audit_trail":
        changes = {"delete": _COVERED, "update": ""}
    elif table in _KEPT:
        changes = {"delete": "", "update": ""}
    if table == "audit_withdrawals":
        key = "'log.withdrawn'::bytea" if is_postgresql else "CAST('log.withdrawn' AS BLOB)"
        changes["insert"] = _SAID.format(key=key)
    if not changes:
        return []
    statements = [*_POSTGRESQL_FUNCTIONS.get(table, ()), _NO_TRUNCATE.format(table)] if is_postgresql else []
    for change, admitted in changes.items():
        # PostgreSQL has no questions to other tables in WHEN: there a function asks.
        asks = is_postgresql and "SELECT" in admitted
        when = f" WHEN (NOT ({admitted}))" if admitted and not asks else ""
        trigger = f"CREATE TRIGGER {table}_no_{change} BEFORE {change.upper()} ON {table} FOR EACH ROW{when}"
        if asks:
            statements.append(_ASKING.format(table=table, change=change, admitted=admitted))
            statements.append(f"{trigger} EXECUTE FUNCTION {table}_may_{change}()")
        elif is_postgresql:
            statements.append(f"{trigger} EXECUTE FUNCTION audit_refuse()")
        else:
            statements.append(f"{trigger} BEGIN SELECT RAISE(ABORT, '{_REFUSE}'); END")
    return [_REFUSING, *statements] if is_postgresql else statements


_RAISE = f"RAISE EXCEPTION '{_REFUSE}' USING ERRCODE = 'integrity_constraint_violation'"
_REFUSING = f"CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {_RAISE}; END $$"
_NO_TRUNCATE = "CREATE TRIGGER {0}_no_truncate BEFORE TRUNCATE ON {0} EXECUTE FUNCTION audit_refuse()"
_ASKING = (
    "CREATE OR REPLACE FUNCTION {table}_may_{change}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    f" IF NOT ({{admitted}}) THEN {_RAISE}; END IF;"
    " IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$"
)
_POSTGRESQL_FUNCTIONS = {
    "audit_withdrawals": (
        "CREATE OR REPLACE FUNCTION audit_strip(begins bigint, topics text[], keys bytea[], seqs bigint[])"
        " RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$ BEGIN"
        " DELETE FROM audit_trail USING unnest(topics, keys, seqs) AS gone(topic, key, seq)"
        " WHERE audit_trail.topic = gone.topic AND audit_trail.key = gone.key AND audit_trail.seq = gone.seq;"
        " UPDATE audit_leaves SET entry = '', event_id = substr(hash, 1, 16)"
        " WHERE seq >= begins AND seq < begins + 256 AND length(entry) > 0; END $$",
        "REVOKE EXECUTE ON FUNCTION audit_strip(bigint, text[], bytea[], bigint[]) FROM PUBLIC",
    )
}
"""What the application's role cannot do itself is done by the tables' owner, under the same triggers."""


def guard(table: Any) -> None:
    """Create a table's guards together with it."""
    for dialect in ("sqlite", "postgresql"):
        for statement in guards(table.name, dialect):
            # DDL() formats with %: the statements hold none.
            ddl = DDL(statement)  # type: ignore[no-untyped-call]
            event.listen(table, "after_create", ddl.execute_if(dialect=dialect))


for _guarded in (_LEAVES, _HEAD, _NODES, _TRAIL):
    guard(_guarded)
