"""Retention: how long each class of record is kept, on whose authority, and what happens then."""
