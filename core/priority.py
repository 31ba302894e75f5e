"""Who gives way where processors are short: people wait for some of the work, and for the rest nobody does."""

import contextlib
import os
import time
from pathlib import Path

_ATTEMPTS = 4
_AGAIN_SECONDS = 0.11


def give_way(niceness: int, pid: int = 0) -> None:
    """Have a process, 0 being this one, give way to everybody else on the machine; later threads do so too.

    Where Linux groups processes by session (``sched_autogroup_enabled``), niceness counts only among those of one
    session: a process that leads one would get as much of a processor as a whole server. So its group is made nice
    as well; that of a shell, which goes on, is left alone.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.setpriority(os.PRIO_PROCESS, pid, niceness)
        if os.getsid(pid) != (pid or os.getpid()):
            return
    for _ in range(_ATTEMPTS):
        try:
            Path(f"/proc/{pid or 'self'}/autogroup").write_text(str(niceness))
            return
        except BlockingIOError:
            # The kernel lets one of all of them do so every tenth of a second.
            time.sleep(_AGAIN_SECONDS)
        except OSError:
            # There are no such groups here, or the process has ended.
            return
