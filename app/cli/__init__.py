"""The command line ``muniment``.

It acts as the person of ``--token`` or ``MUNIMENT_TOKEN``, else as ``--as NAME``, which whoever
can read the key file may do and which is logged as "operator for NAME". Where a server
runs on the data folder, its keeper and worker do the work that a command leaves; otherwise
the command runs them itself, under the same lock.

Errors go to standard error; exit code 1 for what went wrong, 2 for wrong usage.
"""

from app.cli.main import main

__all__ = ["main"]
