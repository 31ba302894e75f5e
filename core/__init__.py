"""Ground that every package stands on: errors, clock, identifiers, canonical JSON, database, jobs.

Nothing here knows what a record is. Imports nothing of Muniment outside ``core``.
"""
