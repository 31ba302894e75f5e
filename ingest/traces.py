"""Where this package keeps data of records."""

from core.trace import ServerTrace, TableTrace, register

register(
    TableTrace("upload_keys", "record", ("record",)),
    ServerTrace(
        "clamd", "each file in clear while it is scanned, in its own temporary files", "deleted by clamd itself"
    ),
)
