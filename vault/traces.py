"""Where this package keeps data of records and persons."""

from core.trace import FolderTrace, ServerTrace, TableTrace, register

register(
    TableTrace("key_epochs", None, why="ids and dates of keys"),
    TableTrace("wrapped_keys", "version", ("subject",)),
    TableTrace("wrapped_keys", "party", ("subject",)),
    TableTrace("wrapped_keys", "case_file", ("subject",)),
    TableTrace("wrapped_keys", "person", ("subject",)),
    FolderTrace("objects/originals", "sealed files", "deleted by key; unreadable once the version key is shredded"),
    FolderTrace(
        "objects/derived", "sealed texts and images", "deleted by key; unreadable once the version key is shredded"
    ),
    ServerTrace(
        "objects",
        "sealed files, texts and images, each as a version that is addressed by its id; parts of uploads cut short",
        "the version is deleted, once its lock has ended; unreadable as soon as the version key is shredded; parts of "
        "uploads are removed a day later",
    ),
    ServerTrace(
        "pkcs11_module", "epoch keys", "an epoch key is destroyed in the token when a key of its epoch is shredded"
    ),
    FolderTrace("tmp", "sealed files on their way", "swept after a day; unreadable without the version key"),
    FolderTrace("keys", "master, epoch and log keys", "an epoch key is destroyed when a key of its epoch is shredded"),
)
