"""From received bytes to a read, classed record: inspect, extract in a cage, classify, read fields.

``extractor`` drives one caged child process; ``child`` and ``readers`` run inside it and are not
to be imported by the server. ``extraction`` holds the values that both sides share.
"""

__all__ = ["classify", "einvoice", "extraction", "extractor", "fields", "inspect", "language"]
