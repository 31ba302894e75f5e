"""REST under ``/api/v1``: stable for other people's programs. One module per noun.

Lists give ``items`` and, where there is more, ``next``: the ``cursor`` of the next page.
"""

from starlette.routing import BaseRoute


def routes() -> list[BaseRoute]:
    """All routes, each with its full path."""
    from api.rest import (
        anchors,
        audit,
        case_files,
        content,
        exports,
        grants,
        history,
        log_state,
        me,
        own_file,
        pages,
        people,
        person_reports,
        places,
        records,
        samples,
        scopes,
        search,
        state,
        trail,
        uploads,
    )

    modules = (
        uploads,
        records,
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
        samples,
        own_file,
        person_reports,
        scopes,
        exports,
        state,
    )
    return [route for module in modules for route in module.router.routes]


__all__ = ["routes"]
