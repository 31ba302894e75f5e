"""REST under ``/api/v1``: stable for other people's programs. One module per noun.

Lists give ``items`` and, where there is more, ``next``: the ``cursor`` of the next page.
"""

from starlette.routing import BaseRoute


def routes() -> list[BaseRoute]:
    """All routes, each with its full path."""
    from api.rest import (
        anchors,
        audit,
        capture_withdrawals,
        case_files,
        certificates,
        content,
        dispositions,
        exports,
        grants,
        history,
        holds,
        log_state,
        me,
        own_file,
        pages,
        people,
        person_reports,
        places,
        records,
        regimes,
        retention_dates,
        retention_documents,
        retention_rules,
        retention_runs,
        samples,
        scopes,
        search,
        state,
        trail,
        uploads,
        withdrawals,
    )

    modules = (
        uploads,
        records,
        regimes,
        history,
        content,
        pages,
        search,
        places,
        case_files,
        people,
        grants,
        me,
        audit,
        anchors,
        trail,
        log_state,
        withdrawals,
        samples,
        own_file,
        person_reports,
        scopes,
        holds,
        dispositions,
        certificates,
        capture_withdrawals,
        retention_rules,
        retention_dates,
        retention_documents,
        retention_runs,
        exports,
        state,
    )
    return [route for module in modules for route in module.router.routes]


__all__ = ["routes"]
