"""Where this package keeps data of records."""

from core.trace import FolderTrace, register

register(
    FolderTrace(
        "index",
        "words of texts, titles and parties in clear",
        "erased by SearchIndex.erase, which rebuilds the touched shards",
    ),
)
