"""Entry of the web server's process: ``python -m api``, started by the supervisor."""

import sys

from api.server import serve
from app.process import be

if __name__ == "__main__":
    sys.exit(be("web", serve))
