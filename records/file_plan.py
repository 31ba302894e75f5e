"""The file plan: record classes as data, and the pure questions asked of them.

``file_plan.yaml`` beside this module is the starter plan. Codes are stable: rows, rules and
links name them, so a class may be retired but never renamed. Sensitivity, readers, machine
filing and triggers come down from the nearest ancestor that states them, so that a new class
without settings is never more open than its parent.

A class says what is usual. Who may read a given record is decided by its access set, and
by which day it is destroyed by the retention schedule: neither may be concluded from here.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, BinaryIO, Literal

import yaml

from core.errors import Invalid, NotFound

Sensitivity = Literal["normal", "confidential", "special"]
Direction = Literal["incoming", "outgoing", "internal"]
DepartmentKind = Literal["accounting", "hr", "legal", "compliance", "management", "everyone"]

SENSITIVITIES: tuple[Sensitivity, ...] = ("normal", "confidential", "special")
DIRECTIONS: tuple[Direction, ...] = ("incoming", "outgoing", "internal")
DEPARTMENT_KINDS: tuple[DepartmentKind, ...] = (
    "accounting",
    "hr",
    "legal",
    "compliance",
    "management",
    "everyone",
)

_INHERITED = ("sensitivity", "readers", "named_readers", "machine_files", "triggers")
_OWN = ("code", "parent", "group", "title", "description", "direction")


class InvalidFilePlan(Invalid):
    """The file plan contradicts itself."""

    code = "invalid_file_plan"


class UnknownRecordClass(NotFound):
    """There is no such record class."""

    code = "unknown_record_class"


@dataclass(frozen=True, slots=True)
class RecordClass:
    """One kind of record, with what is usual for it."""

    code: str
    parent: str | None
    title: str
    """English source string: show it through gettext."""
    description: str
    """English source string: show it through gettext."""
    sensitivity: Sensitivity
    readers: frozenset[DepartmentKind]
    """Kinds of departments that read the class by default."""
    named_readers: bool
    """Only named clerks among ``readers``, as for personnel files."""
    machine_files: bool
    """A machine may file it without review. Never true of a sensitive class."""
    direction: Direction | None
    triggers: tuple[str, ...]
    """Facts that usually date the class, as the retention schedule names them."""
    group: bool
    """A heading: records are filed in the classes below it."""

    @property
    def sensitive(self) -> bool:
        """Whether a machine's choice of this class always goes to review."""
        return self.sensitivity != "normal"


class FilePlan:
    """All record classes, parents before children. Never changes once loaded."""

    def __init__(self, classes: Iterable[RecordClass]) -> None:
        self._classes = {c.code: c for c in classes}
        self._children: dict[str | None, list[str]] = {}
        for c in self._classes.values():
            self._children.setdefault(c.parent, []).append(c.code)

    def __iter__(self) -> Iterator[RecordClass]:
        return iter(self._classes.values())

    def __len__(self) -> int:
        return len(self._classes)

    def __contains__(self, code: object) -> bool:
        return code in self._classes

    def get(self, code: str) -> RecordClass:
        """The class of that code.

        Raises:
            UnknownRecordClass: the plan has no such code.
        """
        try:
            return self._classes[code]
        except KeyError:
            raise UnknownRecordClass("choose one of the classes of the file plan", code=code) from None

    def ancestors(self, code: str) -> tuple[str, ...]:
        """Codes above ``code``, the nearest first, without itself."""
        above = []
        parent = self.get(code).parent
        while parent is not None:
            above.append(parent)
            parent = self._classes[parent].parent
        return tuple(above)

    def children(self, code: str | None) -> tuple[str, ...]:
        """Codes just below ``code`` in the plan's order; the top of the plan for ``None``."""
        if code is not None:
            self.get(code)
        return tuple(self._children.get(code, ()))

    def descendants(self, code: str) -> tuple[str, ...]:
        """All codes below ``code`` in the plan's order, without itself."""
        below: list[str] = []
        for child in self.children(code):
            below += [child, *self.descendants(child)]
        return tuple(below)

    def facet_codes(self, code: str) -> tuple[str, ...]:
        """``code`` and its ancestors: what a search for a wider class must match."""
        return (code, *self.ancestors(code))

    def fileable(self) -> tuple[RecordClass, ...]:
        """The classes a record may have: all but the headings."""
        return tuple(c for c in self if not c.group)


@lru_cache(maxsize=1)
def load() -> FilePlan:
    """The shipped file plan.

    Raises:
        InvalidFilePlan: the file in the package is damaged.
    """
    return parse((files("records") / "file_plan.yaml").read_bytes())


def parse(data: bytes) -> FilePlan:
    """The file plan written in ``data`` (YAML, a list of classes, parents before children).

    Raises:
        InvalidFilePlan: not YAML of that shape, a code twice, an unknown parent, key or value,
            a sensitive class that a machine may file, or a class without title.
    """
    try:
        rows = yaml.safe_load(data)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidFilePlan("the file plan is not YAML") from error
    if not isinstance(rows, list) or not rows:
        raise InvalidFilePlan("the file plan is not a list of classes")
    settled: dict[str, Mapping[str, Any]] = {}
    classes: dict[str, RecordClass] = {}
    for row in rows:
        record_class, settled_row = _settle(row, settled)
        if record_class.code in classes:
            raise InvalidFilePlan(f"{record_class.code}: the code is used twice")
        classes[record_class.code], settled[record_class.code] = record_class, settled_row
    return FilePlan(classes.values())


def source_strings(plan: FilePlan) -> tuple[str, ...]:
    """Every title and description once, in the plan's order: what translators must see."""
    return tuple(dict.fromkeys(text for c in plan for text in (c.title, c.description)))


def extract_messages(
    fileobj: BinaryIO, keywords: object, comment_tags: object, options: object
) -> Iterator[tuple[int, str, str, list[str]]]:
    """Babel's extraction method for ``file_plan.yaml``: line, function, message, comments.

    In Babel's mapping file: ``[records.file_plan:extract_messages: records/file_plan.yaml]``.
    """
    data = fileobj.read()
    lines = data.decode("utf-8").splitlines()
    for record_class in parse(data):
        line = lines.index(f"- code: {record_class.code}") + 1
        for text in (record_class.title, record_class.description):
            yield line, "gettext", text, [f"record class {record_class.code}"]


def _settle(row: object, above: Mapping[str, Mapping[str, Any]]) -> tuple[RecordClass, Mapping[str, Any]]:
    if not isinstance(row, dict) or not isinstance(row.get("code"), str):
        raise InvalidFilePlan("a class has no code")
    code, parent = row["code"], row.get("parent")
    if not code.isascii() or not code.isidentifier() or code != code.lower():
        raise InvalidFilePlan(f"{code}: a code is lower case letters, digits and underscores")
    if unknown := sorted(set(row) - {*_OWN, *_INHERITED}):
        raise InvalidFilePlan(f"{code}: unknown key {unknown[0]}")
    if parent is not None and parent not in above:
        raise InvalidFilePlan(f"{code}: its parent {parent} does not stand before it")
    inherited = above[parent] if parent is not None else {"named_readers": False, "machine_files": False}
    values: dict[str, Any] = {key: row.get(key, inherited.get(key)) for key in _INHERITED}
    for key, value in values.items():
        if value is None:
            raise InvalidFilePlan(f"{code}: neither it nor an ancestor states {key}")
    if row.get("sensitivity", "normal") != "normal" and "machine_files" not in row:
        values["machine_files"] = False
    _check(code, row, values)
    record_class = RecordClass(
        code=code,
        parent=parent,
        title=row["title"],
        description=row["description"],
        sensitivity=values["sensitivity"],
        readers=frozenset(values["readers"]),
        named_readers=values["named_readers"],
        machine_files=values["machine_files"],
        direction=row.get("direction"),
        triggers=tuple(values["triggers"]),
        group=row.get("group", False),
    )
    return record_class, values


def _check(code: str, row: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    for key in ("title", "description"):
        if not isinstance(row.get(key), str) or not row[key].strip():
            raise InvalidFilePlan(f"{code}: no {key}")
    for key in ("named_readers", "machine_files"):
        if not isinstance(values[key], bool):
            raise InvalidFilePlan(f"{code}: {key} is neither true nor false")
    for key in ("readers", "triggers"):
        if not isinstance(values[key], list) or not all(isinstance(item, str) for item in values[key]):
            raise InvalidFilePlan(f"{code}: {key} is not a list of names")
    if not isinstance(row.get("group", False), bool):
        raise InvalidFilePlan(f"{code}: group is neither true nor false")
    if values["sensitivity"] not in SENSITIVITIES:
        raise InvalidFilePlan(f"{code}: unknown sensitivity {values['sensitivity']}")
    if row.get("direction") not in (None, *DIRECTIONS):
        raise InvalidFilePlan(f"{code}: unknown direction {row['direction']}")
    if unknown := sorted(set(values["readers"]) - set(DEPARTMENT_KINDS)):
        raise InvalidFilePlan(f"{code}: unknown kind of department {unknown[0]}")
    if values["sensitivity"] != "normal" and values["machine_files"]:
        raise InvalidFilePlan(f"{code}: a machine may not file a sensitive class without review")
