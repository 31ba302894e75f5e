"""Puts exports of evidence together from a runtime."""

from app.build import seal_of
from app.runtime import Runtime
from exports.evidence import Evidence


def evidence_of(runtime: Runtime) -> Evidence:
    """What exports from the log of this installation."""
    return Evidence(
        runtime.main,
        runtime.log,
        runtime.clock,
        runtime.keys,
        seal=seal_of(runtime.main, runtime.keys),
        policy=runtime.settings.witness_policy,
    )
