"""The schedule as a file: YAML to read and keep in a repository of one's own, CSV for a spreadsheet.

What was written comes back as the same rules. A file with a mistake changes nothing: every bad row is named by its
line, with what to do about it. Nothing of a file is run or expanded: no YAML tag beyond plain values, no alias.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import yaml

from core.errors import Invalid
from retention.rule_draft import KEYS, REQUIRED, RuleDraft, read

Format = Literal["yaml", "csv"]
FORMATS: tuple[Format, ...] = ("yaml", "csv")
MEDIA_TYPES: dict[Format, str] = {"yaml": "application/yaml", "csv": "text/csv"}
MOST_BYTES, MOST_RULES, MOST_TOLD = 1_000_000, 2_000, 20
_MOST_DEEP = 20
_SCHEMA = "muniment-retention-rules/1"
_HEAD = "# Retention rules of Muniment. Edit and import them again: what is changed becomes drafts.\n"
_FORMULA = ("=", "+", "-", "@")


class BadFile(Invalid):
    """The file of rules cannot be used as it is; nothing of it was taken."""

    code = "bad_rule_file"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in one place."""

    line: int
    """Of the file, from 1."""
    sentence: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.sentence}"


def write(rules: Iterable[RuleDraft], form: Format) -> str:
    """The rules as a file, by code."""
    rows = [rule.to_json() for rule in sorted(rules, key=lambda rule: rule.code)]
    return _csv(rows) if form == "csv" else _yaml(rows)


def parse(data: bytes, form: Format) -> list[RuleDraft]:
    """The rules of a file, each of them sound in itself.

    Raises:
        BadFile: the detail names each bad row by its line and says what to do; the field ``lines`` has the lines.
    """
    if len(data) > MOST_BYTES:
        raise BadFile(f"a file of rules has at most {MOST_BYTES} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadFile("save the file as UTF-8") from None
    found: list[tuple[int, RuleDraft]] = []
    faults: list[Fault] = []
    for line, values in _rows_of_csv(text) if form == "csv" else _rows_of_yaml(text):
        if len(found) + len(faults) >= MOST_RULES:
            raise BadFile(f"a file has at most {MOST_RULES} rules")
        if isinstance(values, Fault):
            faults.append(values)
            continue
        try:
            found.append((line, read(values)))
        except Invalid as error:
            faults.append(Fault(line, error.detail))
    faults += _twice(found)
    if faults:
        raise refused(faults)
    if not found:
        raise BadFile("there is no rule in it")
    return [rule for _line, rule in found]


def refused(faults: Sequence[Fault]) -> BadFile:
    """The refusal that names these places."""
    told = sorted(faults, key=lambda fault: fault.line)
    more = f"; and {len(told) - MOST_TOLD} more" if len(told) > MOST_TOLD else ""
    return BadFile("; ".join(map(str, told[:MOST_TOLD])) + more, lines=[fault.line for fault in told[:MOST_TOLD]])


def _twice(found: Sequence[tuple[int, RuleDraft]]) -> list[Fault]:
    first: dict[str, int] = {}
    again = []
    for line, rule in found:
        if (before := first.setdefault(rule.code, line)) != line:
            again.append(Fault(line, f"{rule.code} stands in line {before} already: leave one of them out"))
    return again


def _yaml(rows: Sequence[Mapping[str, Any]]) -> str:
    lean = [
        {key: value for key, value in row.items() if key in REQUIRED or value not in ("", None, [])} for row in rows
    ]
    body = yaml.safe_dump({"schema": _SCHEMA, "rules": lean}, allow_unicode=True, sort_keys=False, width=110)
    return _HEAD + body


def _rows_of_yaml(text: str) -> Iterator[tuple[int, dict[str, Any] | Fault]]:
    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent) and event.start_mark:
                raise BadFile(f"line {event.start_mark.line + 1}: write it out, aliases are not read")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _MOST_DEEP:  # Each further level makes whatever follows dearer to read.
                raise BadFile("this is not YAML of rules: lists stand in lists without end")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BadFile(f"line {line}: this is not YAML; check quotes and indentation", lines=[line]) from None
    except (yaml.YAMLError, RecursionError):
        raise BadFile("this is not YAML") from None
    for item in _items(root):
        line = item.start_mark.line + 1 if item.start_mark else 1
        if not isinstance(item, yaml.MappingNode):
            yield line, Fault(line, "a rule is a set of fields, such as code: de-invoice")
            continue
        keys = [str(key.value) for key, _value in item.value]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        yield line, Fault(line, f"{twice}: stands there twice") if twice else _plain_mapping(item)


def _items(root: yaml.Node | None) -> list[yaml.Node]:
    """The nodes of the list of rules, in a file of ours or one that is only the list."""
    if isinstance(root, yaml.MappingNode):
        stated = {str(key.value): value for key, value in root.value}
        if "schema" in stated and stated["schema"].value != _SCHEMA:
            raise BadFile(f"line 1: the schema is {_SCHEMA}")
        root = stated.get("rules")
    if not isinstance(root, yaml.SequenceNode):
        raise BadFile("line 1: write rules: and below it a list of them")
    return list(root.value)


def _plain_mapping(node: yaml.MappingNode) -> dict[str, Any]:
    return {str(key.value): _plain(value) for key, value in node.value}


def _plain(node: yaml.Node) -> Any:
    """Plain text, lists and mappings, whatever YAML would make of a word: ``NO`` is Norway."""
    if isinstance(node, yaml.MappingNode):
        return _plain_mapping(node)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(each) for each in node.value]
    bare = isinstance(node, yaml.ScalarNode) and node.style is None and node.value in ("", "null", "~")
    return None if bare else node.value


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(KEYS)
    for row in rows:
        writer.writerow([_cell(row[key]) for key in KEYS])
    return out.getvalue()


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return "; ".join(f"{way['trigger']} {way['anchor']} {way['period']}" for way in value)
    text = "" if value is None else str(value)
    # What a spreadsheet would take for a formula, and what already looks as if it had been kept from that.
    return f"'{text}" if text.lstrip("'").startswith(_FORMULA) else text


def _rows_of_csv(text: str) -> Iterator[tuple[int, dict[str, Any] | Fault]]:
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if first.count(";") > first.count(",") else ",")
    try:
        head = [cell.strip() for cell in next(reader, [])]
        if unknown := sorted(set(head) - set(KEYS)):
            raise BadFile(f"line 1: {unknown[0][:40]} is no column; there are {', '.join(KEYS)}", lines=[1])
        if len(set(head)) != len(head) or (missing := [key for key in REQUIRED if key not in head]):
            raise BadFile(
                f"line 1: {'a column stands there twice' if len(set(head)) != len(head) else missing[0]}", lines=[1]
            )
        line = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, _of_cells(line, head, cells)
            line = reader.line_num + 1
    except csv.Error:
        raise BadFile(f"line {reader.line_num}: this is not CSV; check the quotes", lines=[reader.line_num]) from None


def _of_cells(line: int, head: Sequence[str], cells: Sequence[str]) -> dict[str, Any] | Fault:
    if len(cells) > len(head):
        return Fault(line, f"{len(cells)} cells for {len(head)} columns: put text with commas in quotes")
    values: dict[str, Any] = {}
    for key, cell in zip(head, cells, strict=False):
        text = cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(_FORMULA) else cell
        values[key] = text
    if ways := str(values.get("later_of", "")).strip():
        split = [way.split() for way in ways.split(";")]
        if any(len(way) != 3 for way in split):
            return Fault(line, "later_of: write event, anchor and period of each way, with ; between the ways")
        values["later_of"] = [dict(zip(("trigger", "anchor", "period"), way, strict=True)) for way in split]
    return values
