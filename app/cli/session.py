"""What a command works in: the runtime, who acts, and, without a server, the pipeline itself."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import typer

from accounts import principals, setup
from accounts.principal import Principal
from app import handlers, logs, settings
from app.build import build, signer_of
from app.celery_app import WORKED_BY_WORKER, Waker, make
from app.cli.options import Options
from app.folders import folder_of
from app.keeper import Keeper
from app.prepare import prepare
from app.runner import Runner, renewing_leases
from app.runtime import Runtime
from core import jobs, leases
from core.errors import Forbidden


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

    def principal(self) -> Principal:
        """Who acts.

        Raises:
            WhoActs: neither a token nor a name was given, or the token is not valid.
        """
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
            return setup.operator(session, self.runtime.clock.now())

    def settle(self) -> None:
        """Without a server: move what the command wrote into the log, and bring the index up to date."""
        if not self.served:
            with _keeper(self.runtime) as keeper:
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
        yield Session(options, runtime, served)


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
