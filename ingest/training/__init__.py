"""Documents that Muniment makes up itself, and the starter classifier learnt from them.

``python -m ingest.training`` rebuilds ``ingest/models``. The word lists and phrases were written
for Muniment; no foreign document takes part. Nothing here runs while records are being filed.
"""
