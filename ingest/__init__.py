"""From received bytes to a read, classed record: inspect, extract in a cage, classify, read fields.

``extractor`` drives one caged child process; ``child`` and ``readers`` run inside it and are not
to be imported by the server. ``extraction`` holds the values that both sides share.
"""

import os

# Before numpy is imported. The classifier's one product would wake a thread of OpenBLAS for each core, and each of
# them then spins for some 30 ms, waiting for another: several times what reading a document costs otherwise.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

__all__ = ["classify", "einvoice", "extraction", "extractor", "fields", "inspect", "language"]
