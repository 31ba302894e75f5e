"""What a command works in: the runtime, who acts, and, without a server, the pipeline itself."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import typer

from accounts import principals, setup
from accounts.principal import Principal
from app import handlers, logs, settings
from app.build import build, signer_of
from app.celery_app import WORKED_BY_WORKER, Waker, make
from app.cli.options import Options
from app.cli.refusals import Asked, note
from app.folders import folder_of
from app.keeper import LOOK_SECONDS, Keeper
from app.prepare import prepare
from app.runner import Runner, renewing_leases
from app.runtime import Runtime
from core import jobs, leases
from core.errors import Forbidden, NotFound

_LOOK_SECONDS = 0.5
"""How often a command looks at what a server does for it."""


class WhoActs(Forbidden):
    """It is not said who acts."""

    code = "who_acts"


@dataclass(frozen=True, slots=True)
class Session:
    """One command under way."""

    options: Options
    runtime: Runtime
    served: bool
    """A server runs on the data folder and does the later work."""
    asked: Asked = field(default_factory=Asked)
    """What is known of the command, should it be refused."""

    def principal(self) -> Principal:
        """Who acts.

        Raises:
            WhoActs: neither a token nor a name was given, or the token is not valid.
        """
        self.asked.naming = True
        self.asked.by = self._principal()
        self.asked.naming = False
        return self.asked.by

    def _principal(self) -> Principal:
        now = self.runtime.clock.now()
        with self.runtime.main.read() as session:
            if self.options.token:
                found = principals.by_token(session, self.options.token, now)
                if found is None:
                    raise WhoActs("the token is not valid, or has ended")
                return found.principal
            if self.options.as_name:
                return principals.operator_for(session, self.options.as_name, at=now, keys=self.runtime.keys)
        raise WhoActs("give --as NAME, or an API token by --token or MUNIMENT_TOKEN")

    def operator(self) -> Principal:
        """Who acts in administration: as ``principal``, or the set-up itself while it is open and nobody is named."""
        if self.options.token or self.options.as_name:
            return self.principal()
        with self.runtime.main.read() as session:
            self.asked.by = setup.operator(session, self.runtime.clock.now())
        return self.asked.by

    def settle(self) -> None:
        """Without a server: move what the command wrote into the log, and bring the index up to date."""
        if not self.served:
            with _keeper(self.runtime) as keeper:
                keeper.settle()

    @contextmanager
    def keeping(self) -> Iterator[Callable[[], None]]:
        """Gives what does the keeper's next piece of work; where a server has a keeper, it waits a moment for that."""
        if self.served:
            yield lambda: time.sleep(_LOOK_SECONDS)
            return
        with _keeper(self.runtime) as keeper:

            def step() -> None:
                if not keeper.step():
                    time.sleep(LOOK_SECONDS)

            yield step
            keeper.settle()

    def work_off(self, queue: str) -> None:
        """Without a server: run what waits in a queue."""
        if not self.served:
            holder = leases.incarnation("cli")
            readers = handlers.Readers(self.runtime.settings)
            try:
                runner = Runner(self.runtime, handlers.table(readers), holder)
                with renewing_leases(self.runtime, holder, runner):
                    runner.run_all([queue])
            finally:
                readers.stop()

    def emit(self, value: dict[str, Any], text: str) -> None:
        """Print a result: the JSON object, or the text."""
        typer.echo(json.dumps(value, ensure_ascii=False) if self.options.as_json else text)


@contextmanager
def opened(options: Options) -> Iterator[Session]:
    """The data folder, made and migrated where no server has done so."""
    chosen = settings.load(data=options.data)
    # Only what went wrong: progress is on the terminal. And never the text of an exception.
    logs.set_up("warning" if chosen.log_level == "info" else chosen.log_level, "cli")
    folder = folder_of(chosen)
    with ExitStack() as stack:
        folder.make(chosen.keys_folder)
        # Outside a data folder the workers and the keeper are processes of their own, somewhere.
        served = chosen.is_distributed or folder.is_served()
        if served:
            runtime = build(chosen, wake=Waker(make(chosen)))
        else:
            stack.enter_context(folder.served())
            prepare(chosen)
            runtime = build(chosen)
            with runtime.main.write() as session:
                # This command is the only one on the folder: whatever held a lease here has ended.
                leases.void_matching(session, leases.holders_of_host())
                jobs.release_held_by(session, leases.holders_of_host(), at=runtime.clock.now())
        stack.callback(runtime.close)
        command = Session(options, runtime, served)
        try:
            yield command
        except (Forbidden, NotFound) as error:
            note(runtime, command.asked, error)
            raise


@contextmanager
def pipeline(session: Session) -> Iterator[list[Exception]]:
    """Run worker and keeper in this process while the block runs, where no server does.

    Gives the list into which they put what ended them before their time, such as a full disk.
    """
    broken: list[Exception] = []
    if session.served:
        yield broken
        return
    runtime, stopping = session.runtime, threading.Event()
    holder = leases.incarnation("cli")
    readers = handlers.Readers(runtime.settings)
    runner = Runner(runtime, handlers.table(readers), holder)

    def work() -> None:
        while not stopping.is_set():
            if not runner.run_one(WORKED_BY_WORKER):
                stopping.wait(0.05)

    def keep() -> None:
        with _keeper(runtime) as keeper:
            while not stopping.is_set():
                if not keeper.step():
                    stopping.wait(0.05)
            keeper.settle()

    def noting(act: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                act()
            except Exception as error:
                broken.append(error)

        return run

    workers = [threading.Thread(target=noting(work), daemon=True) for _ in range(runtime.settings.worker_count)]
    keeper = threading.Thread(target=noting(keep), daemon=True)
    with renewing_leases(runtime, holder, runner):
        for thread in (*workers, keeper):
            thread.start()
        try:
            yield broken
        finally:
            stopping.set()
            readers.stop()
            for thread in (*workers, keeper):
                thread.join()


@contextmanager
def _keeper(runtime: Runtime) -> Iterator[Keeper]:
    keeper = Keeper(runtime, leases.incarnation("keeper"), signer_of(runtime))
    try:
        yield keeper
    finally:
        keeper.close()
