"""Puts withdrawals from the log together from a runtime."""

from accounts.log_withdrawals import LogWithdrawals
from app.runtime import Runtime


def withdrawals_of(runtime: Runtime) -> LogWithdrawals:
    """What withdraws entries from the log of this installation."""
    return LogWithdrawals(runtime.main, runtime.log, years=runtime.settings.log_retention_years)
