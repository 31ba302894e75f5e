"""Where this package keeps data of records."""

from core.trace import TableTrace, register

register(
    TableTrace("upload_keys", "record", ("record",)),
)
