"""Readers, one module a family of formats. They run inside the extraction child only.

A reader is a function ``read(document, limits)`` that yields what it finds, in order: pages as soon
as they are read (so that a kill loses only the rest), parts, facts, a title, and troubles that do
not end the reading. What ends it is raised as :class:`~ingest.readers.base.Stop`. Heavy libraries
are imported inside the reader that needs them: reading a PDF loads nothing for office files.
"""

__all__ = ["base", "choose"]
