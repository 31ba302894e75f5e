"""The distributed database: one PostgreSQL (15 or newer) that holds the tables of both lines.

A transaction-level advisory lock a line stands for SQLite's one writer: ``write()`` takes it
exclusively, ``write(beside=True)`` shared. Waiting there is a queue of the server's, and the lock goes
with the transaction, so a killed writer never leaves it behind. Readers take no lock.

BEGIN, the level and the lock travel as one message. Nothing was asked for before it, so where the
server has closed the connection since its last use, the same is tried once on a new one; a
statement or a COMMIT is never sent twice. What begins and ends a transaction goes straight to libpq: the
driver forgets its prepared statements at every ROLLBACK, and each reading ends with one.

A document takes some fifteen transactions, most of them with one statement, so what surrounds a
statement costs as much as it does. Connections are therefore kept as SQLAlchemy's own ``Connection``, not
in a pool beneath it, and the engine has no listener that every statement would ask for.

Connections keep settings of their session: through a pooler that changes servers between
transactions (PgBouncer's ``transaction`` mode) this does not work.
"""

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any, Final, TypeVar, overload

import psycopg
from psycopg import pq
from sqlalchemy import Connection, Engine, NullPool, RootTransaction, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, InvalidRequestError

from core.database import Busy, Damaged, DiskTrouble, Line, NestedWrite, ReadSession, WriteSession
from core.errors import Invalid, MunimentError, Unavailable

_LOCK_SPACE: Final = 0x4D756E69
"""First half of the advisory locks' numbers, so that other programs on the server have others: "Muni"."""
LOCKS: Final[dict[Line, int]] = {"main": 1, "log": 2}

_BEGINNING: Final = "muniment_beginning"
_WRITING: Final = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_READING: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

_CLIENT: Final[dict[str, Any]] = {
    # The driver must not begin transactions by itself: BEGIN is ours, below.
    "autocommit": True,
    "connect_timeout": 5,
    # A server that vanishes without a word is noticed in half a minute instead of two hours.
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
    # What a client may not be told to do by the server.
    "gssencmode": "disable",
}
_SETTINGS: Final = """
SELECT set_config('synchronous_commit',
                  CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END,
                  false),
       set_config('lock_timeout', '10s', false),
       set_config('statement_timeout', '60s', false),
       set_config('idle_in_transaction_session_timeout', '60s', false),
       set_config('timezone', 'UTC', false),
       set_config('client_encoding', 'UTF8', false),
       set_config('standard_conforming_strings', 'on', false),
       set_config('search_path', 'public', false)
"""
"""``remote_apply`` waits for more than ``on`` and stays; whatever else is the server's default is raised to ``on``."""

_DONE: Final = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)
_MOST_PREPARED: Final = 300
"""Statements that a connection keeps prepared; a worker uses some 120."""
_MOST_IDLE: Final = 8
"""Connections that are kept while nobody uses them."""
FREE_WITHIN_SECONDS: Final = 10
"""So long a thread waits for a connection that another one uses."""


T = TypeVar("T")


class Away(Unavailable):
    """The database server cannot be reached."""

    code = "database_away"


class Refused(Unavailable):
    """The database server does not let Muniment do this."""

    code = "database_refused"


class Uncertain(Unavailable):
    """The database server was lost while it committed; look whether it was done before you try again."""

    code = "database_uncertain"


class UnfitServer(Invalid):
    """The PostgreSQL server or database is not as Muniment needs it."""

    code = "database_unfit"


class PostgresDatabase:
    """One line of a PostgreSQL database as a ``Database`` (see the port for its promises)."""

    def __init__(self, url: str, line: Line, *, most_connections: int = 24) -> None:
        """``url`` as libpq takes it, ``postgresql://user:password@host/database?sslmode=verify-full``.

        No connection is made yet. At most ``most_connections`` are open at once; a
        thread that writes and reads beside needs two.

        Raises:
            Invalid: that is no such URL.
        """
        self.line: Final[Line] = line
        self.has_one_writer = False
        self.after_commit: Callable[[Collection[str]], None] = lambda queues: None
        self._engine = engine_of(url, application=f"muniment {line}")
        self._free = threading.BoundedSemaphore(most_connections)
        self._idle: list[Connection] = []
        number = f"{_LOCK_SPACE}, {LOCKS[line]}"
        self._beginnings = {
            False: f"{_WRITING}; SELECT pg_advisory_xact_lock({number})",
            True: f"{_WRITING}; SELECT pg_advisory_xact_lock_shared({number})",
        }
        self._writing = threading.local()
        self._watched: tuple[int, str] = (0, "")
        self._watcher: psycopg.Connection[Any] | None = None

    @property
    def engine(self) -> Engine:
        """The engine, for migrations and tests; a transaction of its own takes no lock."""
        return self._engine

    @contextmanager
    def read(self) -> Iterator[ReadSession]:
        with (
            plain_errors(),
            self._begun(_READING) as transaction,
            ReadSession(self._engine, autoflush=False, join_transaction_mode="rollback_only") as session,
        ):
            _join(session, transaction)
            yield session

    @contextmanager
    def write(self, *, beside: bool = False) -> Iterator[WriteSession]:
        with (
            self._once_in_thread(),
            plain_errors(),
            self._begun(self._beginnings[beside]) as transaction,
            WriteSession(self._engine, expire_on_commit=False, join_transaction_mode="rollback_only") as session,
        ):
            _join(session, transaction)
            yield session
            session.flush()
            # Not where the block has rolled back all it did.
            if session.in_transaction():
                _commit(transaction)
            woken = frozenset(session.wake)
        if woken:
            self.after_commit(woken)

    def write_together(self, work: Callable[[WriteSession], T]) -> T:
        """See the port: here writers beside each other share their commits by themselves."""
        with self.write(beside=True) as session:
            return work(session)

    @contextmanager
    def write_often(self) -> Iterator[Connection]:
        with self._once_in_thread(), plain_errors(), self._begun(self._beginnings[True]) as transaction:
            yield transaction.connection
            _commit(transaction)

    def change_count(self) -> int:
        """See the port. Which transactions the server has ended tells it, without a message that could be lost.

        LISTEN and NOTIFY would do it too, but NOTIFY lets only one transaction of the whole database
        commit at a time, and a listener that hangs makes its queue grow until COMMIT fails.
        """
        with plain_errors():
            try:
                seen = self._look()
            except psycopg.Error:
                self._drop_watcher()
                seen = self._look()
        count, before = self._watched
        if seen != before:
            self._watched = (count + 1, seen)
        return self._watched[0]

    def check_server(self) -> list[str]:
        """What of the server weakens Muniment's promises, in words; empty where all is well. For start and ``doctor``.

        Raises:
            UnfitServer: it cannot be used at all: older than 15, not UTF-8, or text is not sorted by code points.
        """
        with self.read() as session:
            version, encoding, collation, fsync, pages, full = session.connection().exec_driver_sql(_FITNESS).one()
        if int(version) < 150_000:
            raise UnfitServer("PostgreSQL 15 or newer is needed")
        if encoding != "UTF8" or collation not in ("C", "C.UTF-8", "C.utf8", "POSIX"):
            raise UnfitServer("make the database with ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0")
        doubts = []
        if fsync != "on" or pages != "on":
            doubts.append("fsync or full_page_writes is off: a power cut loses what was promised")
        if full == "on":
            doubts.append("the server is a standby and takes no writes")
        return doubts

    def tidy(self) -> None:
        """See the port: PostgreSQL has processes of its own for that."""

    def close(self) -> None:
        self._drop_watcher()
        idle, self._idle = self._idle, []
        # One by one: a thread that came before may take one of them yet.
        with suppress(IndexError):
            while True:
                idle.pop().close()
        self._engine.dispose()

    @contextmanager
    def _begun(self, beginning: str) -> Iterator[RootTransaction]:
        """A transaction on a connection that no other thread has; rolled back where nobody has committed it."""
        if not self._free.acquire(timeout=FREE_WITHIN_SECONDS):
            raise Busy("all connections of this process are in use: try again")
        try:
            idle = self._idle
            try:
                connection = idle.pop()
            except IndexError:
                connection = self._engine.connect()
            try:
                transaction = _begin(connection, beginning)
                try:
                    yield transaction
                finally:
                    transaction.close()
            finally:
                # ``close`` puts another list there: what was in use meanwhile is not for later.
                if idle is self._idle and len(idle) < _MOST_IDLE and _is_clean(connection):
                    idle.append(connection)
                else:
                    connection.close()
        finally:
            self._free.release()

    @contextmanager
    def _once_in_thread(self) -> Iterator[None]:
        if getattr(self._writing, "open", False):
            raise NestedWrite(f"a write session on {self.line} is open in this thread")
        self._writing.open = True
        try:
            yield
        finally:
            self._writing.open = False

    def _look(self) -> str:
        if self._watcher is None or self._watcher.closed:
            # Of its own: a kept one would be begun and rolled back each time.
            pooled = self._engine.raw_connection()
            connection = pooled.driver_connection
            assert isinstance(connection, psycopg.Connection)
            pooled.detach()
            self._watcher = connection
        row = self._watcher.execute("SELECT pg_current_snapshot()::text").fetchone()
        assert row is not None
        return str(row[0])

    def _drop_watcher(self) -> None:
        if self._watcher is not None:
            self._watcher.close()
            self._watcher = None


_FITNESS: Final = """
SELECT current_setting('server_version_num'), pg_encoding_to_char(encoding), datcollate,
       current_setting('fsync'), current_setting('full_page_writes'),
       CASE WHEN pg_is_in_recovery() THEN 'on' ELSE 'off' END
  FROM pg_database WHERE datname = current_database()
"""


def engine_of(url: str, *, application: str) -> Engine:
    """An engine whose connections are set as ours are: for migrations, under the owner's URL.

    It has no pool: a connection that is let go is closed.

    Raises:
        Invalid: that is no URL of PostgreSQL.
    """
    engine = create_engine(
        _checked(url),
        use_native_hstore=False,
        # Values of rows stand in no error text.
        hide_parameters=True,
        connect_args=_CLIENT | {"application_name": application, "cursor_factory": _Cursor},
        poolclass=NullPool,
    )

    def prepare(connection: Any, _: Any) -> None:
        connection.execute(_SETTINGS)
        connection.prepared_max = _MOST_PREPARED

    event.listen(engine, "connect", prepare)
    dialect: Any = engine.dialect
    # Not by a listener to "begin": with one, every statement looks for listeners of its own.
    dialect.do_begin = _start
    dialect.do_commit, dialect.do_rollback = _end_by("COMMIT"), _end_by("ROLLBACK")
    return engine


class _Cursor(psycopg.Cursor[Any]):
    """A cursor that describes its columns to those who look.

    SQLAlchemy looks once for each statement it has compiled, and later asks only whether there are any;
    to describe 25 columns takes as long as to send the statement.
    """

    @property
    def description(self) -> Sequence[psycopg.Column] | None:  # type: ignore[override]
        result = self.pgresult
        return None if result is None or result.status != pq.ExecStatus.TUPLES_OK else _Columns(self)

    def columns(self) -> list[psycopg.Column]:
        return super().description or []


class _Columns(Sequence[psycopg.Column]):
    """The columns of a cursor's rows, described when somebody looks at them."""

    def __init__(self, cursor: _Cursor) -> None:
        self._cursor = cursor

    @cached_property
    def _described(self) -> list[psycopg.Column]:
        return self._cursor.columns()

    def __len__(self) -> int:
        return len(self._described)

    @overload
    def __getitem__(self, index: int) -> psycopg.Column: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[psycopg.Column]: ...
    def __getitem__(self, index: int | slice) -> psycopg.Column | Sequence[psycopg.Column]:
        return self._described[index]


def _send(driver: "psycopg.Connection[Any]", command: str) -> None:
    """Run a command that has no values and whose answer nobody reads.

    Raises:
        psycopg.Error: the server refuses it, or the connection is dead; SQLAlchemy sees which.
    """
    with driver.lock:
        answer = driver.pgconn.exec_(command.encode())
    if answer.status in _DONE:
        return
    if driver.pgconn.status != pq.ConnStatus.OK:
        raise psycopg.OperationalError(driver.pgconn.get_error_message())
    raise psycopg.errors.error_from_result(answer)


def _start(pooled: Any) -> None:
    """What begins a transaction, as ``_begin`` wants it."""
    _send(pooled.driver_connection, pooled.info.get(_BEGINNING, _WRITING))


def _end_by(command: str) -> Callable[[Any], None]:
    """What ends a transaction, where one is open."""

    def end(pooled: Any) -> None:
        driver = pooled.driver_connection
        if driver.pgconn.transaction_status != pq.TransactionStatus.IDLE:
            _send(driver, command)

    return end


def lock_line(connection: Connection, line: Line) -> None:
    """Be the only writer of a line until this transaction ends: for migrations."""
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK_SPACE}, {LOCKS[line]})")


def _checked(url: str) -> URL:
    try:
        parsed = make_url(url)
    except Exception:
        # Without a cause: its text would hold the password.
        raise Invalid("the database's URL cannot be read") from None
    if parsed.drivername not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise Invalid("the database's URL begins with postgresql://")
    return parsed.set(drivername="postgresql+psycopg")


def _begin(connection: Connection, beginning: str) -> RootTransaction:
    """Begin now, once more on a new connection where the kept one turns out to be dead."""
    try:
        connection.info[_BEGINNING] = beginning
        return connection.begin()
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
    connection.info[_BEGINNING] = beginning
    return connection.begin()


def _join(session: ReadSession, transaction: RootTransaction) -> None:
    """Let the session, whose bind is the engine, do its work in this transaction."""
    session.connection(bind_arguments={"bind": transaction.connection})


def _status(connection: Connection) -> int:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver.pgconn.transaction_status


def _is_clean(connection: Connection) -> bool:
    """Whether it is alive and in no transaction."""
    return not connection.invalidated and _status(connection) == pq.TransactionStatus.IDLE


def _commit(transaction: RootTransaction) -> None:
    connection = transaction.connection
    if not connection.invalidated and _status(connection) == pq.TransactionStatus.INERROR:
        # The server would answer COMMIT by ROLLBACK, and call that a success.
        raise InvalidRequestError("a statement failed in this transaction: it cannot be committed")
    try:
        transaction.commit()
    except DBAPIError as error:
        if error.connection_invalidated:
            raise Uncertain("the connection was lost at the last moment") from error
        raise


_ADVICE_AWAY: Final = "see whether the database server runs and can be reached"
_ADVICE_BUSY: Final = "wait a moment and try again"
_BY_STATE: Final[tuple[tuple[str, type[MunimentError], str], ...]] = (
    # The longest beginnings first.
    ("53100", DiskTrouble, "the disk of the database server is full"),
    ("25006", DiskTrouble, "the database takes no writes here: it is a standby, or set to read only"),
    ("58030", DiskTrouble, "the database server cannot read or write its disk"),
    ("55P03", Busy, _ADVICE_BUSY),
    ("57014", Busy, _ADVICE_BUSY),
    ("42501", Refused, "the migrations grant what is needed: run them for this role"),
    ("3D000", Refused, "there is no such database"),
    ("XX001", Damaged, "restore the database from its last backup"),
    ("XX002", Damaged, "have the database's indexes built anew"),
    ("25P03", Away, _ADVICE_AWAY),
    ("57P", Away, _ADVICE_AWAY),
    ("08", Away, _ADVICE_AWAY),
    ("28", Refused, "check user, password and the server's pg_hba.conf"),
    ("40", Busy, _ADVICE_BUSY),
    ("53", Busy, "the database server has no room for more connections or memory"),
)
_BY_WORDS: Final[tuple[tuple[str, type[MunimentError], str], ...]] = (
    # A refused connection has no code, only the server's words.
    ("authentication failed", Refused, "check user and password"),
    ("no password supplied", Refused, "check user and password"),
    ("pg_hba.conf", Refused, "the server's pg_hba.conf does not let us in"),
    ("does not exist", Refused, "there is no such user or database"),
    ("permission denied", Refused, "the user may not use this database"),
    ("too many", Busy, "the database server has no room for more connections"),
    ("connection slots", Busy, "the database server has no room for more connections"),
)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn the driver's words for a server that is away, full, busy or unwilling into ours.

    For whoever uses an engine of ``engine_of`` itself; sessions do it already.
    """
    try:
        yield
    except DBAPIError as error:
        if (plain := _plain(error.orig, lost=error.connection_invalidated)) is not None:
            raise plain from error
        raise
    except psycopg.Error as error:
        if (plain := _plain(error, lost=False)) is not None:
            raise plain from error
        raise


def _plain(error: BaseException | None, *, lost: bool) -> MunimentError | None:
    state = getattr(error, "sqlstate", None) or ""
    for beginning, kind, advice in _BY_STATE:
        if state.startswith(beginning):
            return kind(advice)
    if not isinstance(error, psycopg.OperationalError) or (state and not lost):
        return None
    never_connected = error.pgconn is None or error.pgconn.status != pq.ConnStatus.OK
    words = str(error) if never_connected else ""
    return next((kind(advice) for word, kind, advice in _BY_WORDS if word in words), Away(_ADVICE_AWAY))
