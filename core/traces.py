"""Where this package keeps data of records and persons."""

from core.trace import FolderTrace, ServerTrace, TableTrace, register

register(
    TableTrace("jobs", "record", ("subject",), why="ids only; done work is forgotten after two days"),
    TableTrace("process_leases", None, why="names of processes"),
    ServerTrace("database", "the tables of main and log", "as each table says"),
    ServerTrace("broker", "messages that name queues", "holds no data of records"),
    FolderTrace("run", "lock, addresses, messages that name queues", "holds no data of records"),
)
