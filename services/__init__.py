"""The real servers of the distributed shape, for tests and development, on loopback and without containers.

``make services`` starts one of each (``python -m services up``); a test asks for it with
``shared(PostgreSQL)``, or starts one of its own that it may kill with ``private(PostgreSQL)``.
Standard library only, since it runs before anything is installed; never part of the installed package.
"""

from .clamd import Clamd
from .elasticsearch import ApiKey, Elasticsearch
from .instances import NotRunning, private, shared, skip_reason
from .minio import MinIO
from .places import Missing, Unusable, services_file, state_folder
from .postgresql import Database, PostgreSQL
from .proxy import Proxy
from .rabbitmq import RabbitMQ
from .redis import Redis
from .server import NotAnswering, Server
from .softhsm import SoftHSM, Token

ALL: tuple[type[Server], ...] = (PostgreSQL, Redis, RabbitMQ, SoftHSM, Clamd, MinIO, Elasticsearch)
"""Every kind of server, in the order in which they are shown."""

__all__ = [
    "ALL",
    "ApiKey",
    "Clamd",
    "Database",
    "Elasticsearch",
    "MinIO",
    "Missing",
    "NotAnswering",
    "NotRunning",
    "PostgreSQL",
    "Proxy",
    "RabbitMQ",
    "Redis",
    "Server",
    "SoftHSM",
    "Token",
    "Unusable",
    "private",
    "services_file",
    "shared",
    "skip_reason",
    "state_folder",
]
