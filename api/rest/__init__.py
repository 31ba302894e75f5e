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
        hold_notices,
        holds,
        keepings,
        log_state,
        me,
        own_file,
        packages,
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
        retention_terms,
        rule_files,
        samples,
        scopes,
        search,
        simulations,
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
        hold_notices,
        dispositions,
        certificates,
        packages,
        keepings,
        capture_withdrawals,
        rule_files,
        retention_rules,
        retention_dates,
        simulations,
        retention_documents,
        retention_runs,
        retention_terms,
        exports,
        state,
    )
    return [route for module in modules for route in module.router.routes]


__all__ = ["routes"]
