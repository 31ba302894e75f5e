"""``python -m benchmarks [NAME …] [--quick] [--out FILE]``: runs benchmarks in order and prints their figures.

Every figure stands beside its baseline from the same run. The exit code is 1 where a target was
missed or a benchmark failed. Nothing else should run on the machine meanwhile.
"""

import argparse
import importlib
import os
import platform
import sys
import time
import traceback
from pathlib import Path

from benchmarks.figures import Figure, table

NAMES = (
    "vault",
    "audit_append",
    "verify_file",
    "publish",
    "postgresql",
    "memory",
    "upload",
    "log_wait",
    "trail",
    "search_engine",
    "search_http",
    "search_elastic",
    "search_cluster",
    "pipeline",
    "scans",
    "destruction",
    "kills",
    "log_kills",
    "retention_dates",
    "retention_http",
    "shapes",
    "cluster_kills",
)
"""In this order; each is a module with ``run(quick=…)``."""


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure Muniment on this machine.")
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], metavar="NAME", help=f"of: {', '.join(NAMES)}")
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that they run, not how fast it is")
    parser.add_argument("--out", type=Path, help="also write the tables to this file")
    options = parser.parse_args()
    failed, told = False, [_machine(quick=options.quick)]
    say(told[0])
    for name in options.names or NAMES:
        load = os.getloadavg()[0]
        begun = time.perf_counter()
        try:
            figures: list[Figure] = importlib.import_module(f"benchmarks.{name}").run(quick=options.quick)
        except Exception:
            traceback.print_exc()
            figures, failed = [], True
        spent = time.perf_counter() - begun
        failed |= any(figure.is_met is False for figure in figures)
        told.append(f"{name} ({spent:.0f} s; load before it {load:.1f})\n{table(figures) if figures else 'FAILED'}")
        say(told[-1])
    if options.out:
        options.out.write_text("\n\n".join(told) + "\n", "utf-8")
    return int(failed)


def say(text: str) -> None:
    """Print a paragraph."""
    sys.stdout.write(text + "\n\n")
    sys.stdout.flush()


def _machine(*, quick: bool) -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    sizes = "small sizes" if quick else "full sizes"
    return (
        f"{os.cpu_count()} cores ({_processor()}), {memory:.0f} GiB of memory, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}; {sizes}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    sys.exit(main())
