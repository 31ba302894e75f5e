"""The cage of an extraction child: what reads a hostile document can do nothing else.

Two halves. :func:`spawn` starts a Python module in a session of its own, with an empty
environment, closed descriptors and a private folder in memory. :func:`enter` is the first
thing the child does, before it reads a byte of any document: limits on memory, processor time,
files and descriptors, no capabilities, no new privileges, no sockets (``ingest.seccomp``), no
files but the program's own (``ingest.landlock``), and an end when its parent ends.

Memory is limited by ``RLIMIT_DATA`` (private writable memory): the address space itself cannot be,
because pandoc and numpy reserve far more of it than they use. What may escape that limit, shared
memory and the private folder, is watched by ``ingest.extractor``.
"""

import ctypes
import fcntl
import json
import os
import resource
import shutil
import signal
import site
import stat
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from ingest import landlock, seccomp

_PREFIX = "muniment-child-"
_PR_SET_PDEATHSIG = 1
_CAPSET = {"x86_64": 126, "aarch64": 91}
_CAPABILITY_VERSION_3 = 0x20080522
_FILE_BYTES = 256 * 1024 * 1024
_DESCRIPTORS = 128
_ROOT = Path(__file__).resolve().parent.parent


def make_private_folder() -> Path:
    """A new folder, mode 0700, in memory where the system has ``/dev/shm``.

    Elsewhere it lies in the system's temporary folder, which :func:`in_force` tells.
    """
    return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_parent_folder()))


def hold_folder(folder: Path) -> int:
    """Keep :func:`sweep_folders` off ``folder`` for as long as the descriptor returned is open."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def sweep_folders() -> None:
    """Remove the private folders, older than a minute, of parents that were killed before they could."""
    for folder in (_parent_folder() or Path(tempfile.gettempdir())).glob(f"{_PREFIX}*"):
        try:
            about = folder.lstat()
            if about.st_uid != os.getuid() or not stat.S_ISDIR(about.st_mode) or time.time() - about.st_mtime < 60:
                continue
            descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            pass  # its parent lives
        finally:
            os.close(descriptor)


def _parent_folder() -> Path | None:
    shared = Path("/dev/shm")  # noqa: S108 -- memory, never a disk; mkdtemp makes a private folder in it
    return shared if shared.is_dir() and os.access(shared, os.W_OK) else None


def empty_folder(folder: Path) -> None:
    """Remove everything in ``folder``, but not itself."""
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            Path(entry.path).unlink(missing_ok=True)


def spawn(module: str, arguments: Sequence[str], *, folder: Path, pass_fds: Sequence[int]) -> subprocess.Popen[bytes]:
    """Start ``python -m module`` with nothing of ours but ``pass_fds``; its session and group are its own id.

    The child must call :func:`enter` itself.
    """
    return subprocess.Popen(
        [sys.executable, "-P", "-s", "-B", "-X", "utf8", "-m", module, *arguments],
        env=_environment(folder),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        close_fds=True,
        pass_fds=pass_fds,
        start_new_session=True,
    )


def _environment(folder: Path) -> dict[str, str]:
    """The whole environment of a child. None of it comes from ours but where the program lies."""
    private = str(folder)
    return {
        "PATH": "",
        "HOME": private,
        "TMPDIR": private,
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(_ROOT),
        "DO_NOT_TRACK": "1",
        "SCARF_NO_ANALYTICS": "1",
        "UNSTRUCTURED_DISABLE_NOTICE": "1",
        "HF_HUB_OFFLINE": "1",
        "NUMBA_CACHE_DIR": private,
        # One thread each: as many children run as there are processors.
        "OMP_THREAD_LIMIT": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "NUMBA_NUM_THREADS": "1",
    }


def enter(
    folder: Path,
    *,
    memory_bytes: int,
    read: Sequence[Path] = (),
    execute: Sequence[Path] = (),
    parent: int | None = None,
) -> dict[str, str]:
    """Close the cage around this process, for good; tell what is in force, by name.

    ``read`` and ``execute`` are allowed besides the program's own files. ``parent`` is the process
    whose end ends this one. A protection the system does not have is told as ``no: reason``.
    Import ``ingest`` and ``core`` before: their parent folder cannot be listed afterwards.
    """
    told = {"memory": "no: not Linux", "folder": "memory" if str(folder).startswith("/dev/shm/") else "no: on a disk"}  # noqa: S108
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_DESCRIPTORS, _DESCRIPTORS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_BYTES, _FILE_BYTES))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
        told["memory"] = f"{memory_bytes // (1024 * 1024)} MiB"
        told["parent"] = _end_with(parent)
        told["capabilities"] = _drop_capabilities()
        told["files"] = _say(
            landlock.confine(
                read=[*_own_files(), *read],
                write=[folder, Path("/dev/null")],
                execute=execute,
            ),
            f"Landlock {landlock.version()}",
        )
        told["sockets"] = _say(seccomp.refuse_sockets(), "seccomp")
    return told


def limit_processor_seconds(seconds: int) -> None:
    """End this process by a signal once it has used that many more seconds of processor time."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def in_force() -> dict[str, str]:
    """What protects an extraction child on this machine, by name, for ``doctor``; ``no: …`` where something is missing.

    Tried in a child of its own, so it takes some tenths of a second.
    """
    folder = make_private_folder()
    try:
        answer = subprocess.run(
            [sys.executable, "-P", "-s", "-B", "-m", "ingest.cage", str(folder)],
            env=_environment(folder),
            capture_output=True,
            timeout=30,
            check=True,
        )
        told: dict[str, str] = json.loads(answer.stdout)
        return told
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def pandoc() -> list[Path]:
    """The one program an extraction child may run, for ODT, RTF and EPUB; empty if it is not installed."""
    path = Path(sysconfig.get_path("purelib")) / "pypandoc" / "files" / "pandoc"
    return [path] if path.is_file() else []


def _own_files() -> list[Path]:
    """The program, its libraries and the system's: what Python and its extensions load while they work."""
    libraries = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return [
        *(Path(path) for path in sorted(libraries) if path),
        *(Path(path) for path in site.getsitepackages()),
        Path(sys.base_prefix) / "lib",
        Path(sys.prefix) / "share" / "tessdata",
        _ROOT / "ingest",
        _ROOT / "core",
        *map(Path, ("/usr/lib", "/usr/lib64", "/usr/share", "/usr/local/lib", "/usr/local/share", "/lib", "/lib64")),
        *map(Path, ("/etc/ld.so.cache", "/etc/localtime", "/etc/fonts", "/etc/mime.types")),
        *map(Path, ("/dev/null", "/dev/zero", "/dev/urandom", "/proc/self", "/proc/cpuinfo", "/proc/meminfo")),
        Path("/sys/devices/system/cpu"),
    ]


def _end_with(parent: int | None) -> str:
    """Be killed when the thread that started this process ends (prctl 2: it is the thread, not the process)."""
    if parent is None:
        return "no: none given"
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)  # it ended before the call
    return "ends with its parent"


def _drop_capabilities() -> str:
    number = _CAPSET.get(os.uname().machine)
    if number is None:
        return "no: unknown machine"
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    failed = ctypes.CDLL(None).syscall(number, header, nothing)
    return "no: the kernel refuses" if failed else "none"


def _say(reason: str | None, in_force: str) -> str:
    return in_force if reason is None else f"no: {reason}"


if __name__ == "__main__":
    _told = enter(Path(sys.argv[1]), memory_bytes=256 * 1024 * 1024, parent=os.getppid())
    sys.stdout.write(json.dumps(_told))
