"""Sample documents that Muniment makes itself: for ``make demo``, for tests and for trying things out.

Nobody in them exists; addresses end in example.com. The same seed gives the same contents.
"""

from app.samples.make import Sample, make_samples

__all__ = ["Sample", "make_samples"]
