"""How the record classes of the retention facts meet the classes of the file plan.

The facts (statutes and practice, per jurisdiction) speak of record classes of their own, some
of which are a class of the file plan plus a condition: a personnel file *of somebody hired
before 2019*. ``class_mapping.yaml`` holds the mapping; this module reads it and answers which
record classes concern a record. What period follows is the schedule's business.

A condition whose fact is not known is neither true nor false. Such a match is reported as not
certain: a caller must count its floor and must not destroy by its ceiling.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal

import yaml

from core.errors import Invalid
from records.file_plan import FilePlan
from records.file_plan import load as load_file_plan

Holder = Literal["record", "case_file", "entity"]
Fact = str | bool | date
KnownFacts = Mapping[tuple[Holder, str], Fact]

_HOLDERS = ("record", "case_file", "entity")
_TESTS = ("before", "from", "equals", "one_of")


class InvalidMapping(Invalid):
    """The mapping from retention facts to the file plan contradicts itself."""

    code = "invalid_class_mapping"


@dataclass(frozen=True, slots=True)
class Condition:
    """What must hold of a record, its case file or its entity beside the class."""

    code: str
    of: Holder
    fact: str
    test: Literal["before", "from", "equals", "one_of"]
    value: Fact | tuple[str, ...]

    def holds(self, known: KnownFacts) -> bool | None:
        """Whether it holds; ``None`` while the fact is not known, or is of another type."""
        fact = known.get((self.of, self.fact))
        if fact is None:
            return None
        if isinstance(self.value, tuple):
            return fact in self.value if isinstance(fact, str) else None
        if isinstance(self.value, date):
            if not isinstance(fact, date):
                return None
            return fact < self.value if self.test == "before" else fact >= self.value
        return fact == self.value if type(fact) is type(self.value) else None


@dataclass(frozen=True, slots=True)
class FactClass:
    """One record class of the facts, in terms of the file plan."""

    record_class: str
    classes: tuple[str, ...]
    """File plan codes; their descendants are covered too."""
    when: Condition | None
    instead_of: str | None
    """The wider record class it takes the place of, where a jurisdiction has rows for both."""


@dataclass(frozen=True, slots=True)
class Match:
    """A record class of the facts that concerns a record."""

    record_class: str
    certain: bool
    """``False`` while the fact its condition asks for is not known."""


class ClassMapping:
    """The mapping as loaded. Never changes."""

    def __init__(self, fact_classes: Collection[FactClass], plan: FilePlan) -> None:
        self.fact_classes = {f.record_class: f for f in fact_classes}
        self._plan = plan

    def matches(self, code: str, stated: Collection[str], known: KnownFacts) -> tuple[Match, ...]:
        """Which of the record classes ``stated`` by a jurisdiction concern a record of class ``code``.

        A narrower record class takes the place of a wider one only when its condition certainly
        holds; until then both are reported, so that the longer floor protects the record.

        Raises:
            UnknownRecordClass: the file plan has no such ``code``.
        """
        codes = self._plan.facet_codes(code)
        found: dict[str, Match] = {}
        for fact_class in self.fact_classes.values():
            if fact_class.record_class not in stated or not set(fact_class.classes) & set(codes):
                continue
            holds = True if fact_class.when is None else fact_class.when.holds(known)
            if holds is not False:
                found[fact_class.record_class] = Match(fact_class.record_class, holds is True)
        replaced = {self.fact_classes[name].instead_of for name, match in found.items() if match.certain}
        return tuple(match for name, match in found.items() if name not in replaced)

    def concerning(self, code: str, stated: Collection[str], known: KnownFacts) -> tuple[Match, ...]:
        """``matches``, and the rules of the organisation's own that name ``code`` or a class above it.

        A name that the facts and the file plan share is the facts': there a narrower class may
        have taken its place.

        Raises:
            UnknownRecordClass: the file plan has no such ``code``.
        """
        own = (c for c in self._plan.facet_codes(code) if c in stated and c not in self.fact_classes)
        return (*self.matches(code, stated, known), *(Match(c, True) for c in own))


@lru_cache(maxsize=1)
def load() -> ClassMapping:
    """The shipped mapping onto the shipped file plan.

    Raises:
        InvalidMapping: the file in the package is damaged.
    """
    return parse((files("retention") / "class_mapping.yaml").read_bytes(), load_file_plan())


def parse(data: bytes, plan: FilePlan) -> ClassMapping:
    """The mapping written in ``data`` (YAML).

    Raises:
        InvalidMapping: not YAML of that shape, an unknown class, condition, test or record class.
    """
    try:
        document = yaml.safe_load(data)
        conditions = {code: _condition(code, row) for code, row in document["conditions"].items()}
        rows = dict(document["classes"])
        fact_classes = [_fact_class(name, row, conditions, rows, plan) for name, row in rows.items()]
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise InvalidMapping("the mapping is not YAML of its shape") from error
    return ClassMapping(fact_classes, plan)


def _condition(code: str, row: Mapping[str, Any]) -> Condition:
    tests = [key for key in row if key in _TESTS]
    if set(row) - {"of", "fact", *_TESTS} or len(tests) != 1 or row["of"] not in _HOLDERS:
        raise InvalidMapping(f"{code}: not a condition")
    value = row[tests[0]]
    if tests[0] == "one_of":
        value = tuple(str(item) for item in value)
    if isinstance(value, date) is not (tests[0] in ("before", "from")):
        raise InvalidMapping(f"{code}: {tests[0]} does not go with its value")
    return Condition(code, row["of"], row["fact"], tests[0], value)  # type: ignore[arg-type]


def _fact_class(
    name: str, row: Mapping[str, Any], conditions: Mapping[str, Condition], rows: Mapping[str, Any], plan: FilePlan
) -> FactClass:
    if unknown := sorted(set(row) - {"classes", "when", "instead_of"}):
        raise InvalidMapping(f"{name}: unknown key {unknown[0]}")
    classes = tuple(row["classes"])
    if not classes or not all(code in plan for code in classes):
        raise InvalidMapping(f"{name}: covers no class, or one that the file plan does not have")
    when, instead_of = row.get("when"), row.get("instead_of")
    if when is not None and when not in conditions:
        raise InvalidMapping(f"{name}: unknown condition {when}")
    if instead_of is not None and (instead_of not in rows or instead_of == name or when is None):
        raise InvalidMapping(f"{name}: cannot stand instead of {instead_of}")
    return FactClass(name, classes, conditions[when] if when else None, instead_of)
