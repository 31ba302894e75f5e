"""Puts withdrawals from the log together from a runtime."""

from accounts.log_withdrawals import LogWithdrawals
from app.runtime import Runtime
from retention.held import any_in_force


def withdrawals_of(runtime: Runtime) -> LogWithdrawals:
    """What withdraws entries from the log of this installation."""
    years = runtime.settings.log_retention_years
    return LogWithdrawals(runtime.main, runtime.log, years=years, is_held=any_in_force)
