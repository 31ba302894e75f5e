"""Who can read a record, in words: the rule of ``records.access`` told for one record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from api.i18n import gettext as _
from api.pages import words
from records import file_plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """What the words depend on."""

    record_class: str | None
    department: str | None
    """Its name."""
    confirmed: bool
    case_file: str | None
    """Number of the case file."""
    listed_only: bool
    section: str | None
    reader_is_uploader: bool
    departments: Mapping[str, Sequence[str]]
    """Names of the departments of the legal entity, by what they do."""


def readers(placed: Placed) -> list[str]:
    """Each sentence names one group of readers; together they are all."""
    plan = file_plan.load()
    chosen = plan.get(placed.record_class) if placed.record_class in plan and placed.record_class else None
    if not placed.confirmed:
        said = [
            _("You, who uploaded it") if placed.reader_is_uploader else _("Whoever uploaded it"),
        ]
        if chosen is not None and placed.department is not None:
            said.append(
                _("People in %(department)s who also read the class “%(class)s”")
                % {"department": placed.department, "class": words.record_class(chosen.code)}
            )
        return said
    if placed.case_file is not None and placed.section is not None:
        return [
            _("People listed for the sealed section “%(section)s” of case file %(number)s")
            % {"section": words.section(placed.section), "number": placed.case_file}
        ]
    if placed.case_file is not None and placed.listed_only:
        return [_("People on the access list of case file %(number)s") % {"number": placed.case_file}]
    said = []
    if chosen is not None:
        said.extend(_of_class(chosen, placed.departments))
        if chosen.sensitivity == "normal" and placed.department is not None:
            said.append(_("Everybody in %(department)s") % {"department": placed.department})
    return list(dict.fromkeys(said)) or [_("Nobody, until it has a class with readers")]


def _of_class(chosen: file_plan.RecordClass, departments: Mapping[str, Sequence[str]]) -> list[str]:
    if "everyone" in chosen.readers:
        return [_("Everybody of the legal entity")]
    names = [name for kind in sorted(chosen.readers) for name in departments.get(kind, ())]
    sentence = _("Named clerks in %(department)s") if chosen.named_readers else _("Everybody in %(department)s")
    return [sentence % {"department": name} for name in names]
