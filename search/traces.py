"""Where this package keeps data of records."""

from core.trace import FolderTrace, ServerTrace, register

register(
    FolderTrace(
        "index",
        "words of texts, titles and parties in clear",
        "erased by SearchIndex.erase, which rebuilds the touched shards, also of index/next while that is being built",
    ),
    ServerTrace(
        "elasticsearch",
        "the indices PREFIX-r-*, of which one is searched and one may be being built: words of texts, titles and "
        "parties in clear; PREFIX-writer: a number",
        "erased by SearchIndex.erase, which deletes and waits until the server has rewritten every file that held it",
    ),
)
