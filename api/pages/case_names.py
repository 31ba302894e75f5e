"""Names of case files for lists: opened only after the log knows who saw them."""

from collections.abc import Sequence

from accounts.principal import Principal
from app.runtime import Runtime
from records.case_file import CaseFile


def named(run: Runtime, files: Sequence[CaseFile], by: Principal, request_id: str) -> list[tuple[CaseFile, str]]:
    """The files, which the caller has found to be visible, each with its name; one event names them all.

    Raises:
        LogUnavailable: the access could not be logged; nothing was opened.
    """
    names = run.content.name_files(files, by=by, request=request_id)
    return [(file, names.get(file.id, "")) for file in files]


def name_of(run: Runtime, file: CaseFile, by: Principal, request_id: str) -> str:
    """The name of one file that the caller has found to be visible."""
    return named(run, [file], by, request_id)[0][1]
