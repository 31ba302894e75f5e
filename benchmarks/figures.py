"""What a benchmark tells: a figure, the baseline of the same run, and what was to be reached."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured value.

    A target holds for the value itself, or for its ratio to the baseline; one without a target
    is told for comparison.
    """

    what: str
    value: float
    unit: str
    baseline: float | None = None
    baseline_is: str = ""
    least: float | None = None
    """The value is to be at least this."""
    most: float | None = None
    least_ratio: float | None = None
    """The value divided by the baseline is to be at least this."""
    most_ratio: float | None = None

    @property
    def ratio(self) -> float | None:
        """Value by baseline."""
        return self.value / self.baseline if self.baseline else None

    @property
    def target(self) -> str:
        """What was to be reached, in words; empty where nothing was."""
        words = []
        for sign, bound, of in (
            (">=", self.least, f" {self.unit}"),
            ("<=", self.most, f" {self.unit}"),
            (">=", self.least_ratio, " x baseline"),
            ("<=", self.most_ratio, " x baseline"),
        ):
            if bound is not None:
                words.append(f"{sign} {_number(bound)}{of}")
        return ", ".join(words)

    @property
    def is_met(self) -> bool | None:
        """Whether the target was reached; ``None`` where there is none."""
        ratio = self.ratio
        verdicts = [
            met
            for bound, met in (
                (self.least, self.least is not None and self.value >= self.least),
                (self.most, self.most is not None and self.value <= self.most),
                (self.least_ratio, None not in (self.least_ratio, ratio) and (ratio or 0) >= (self.least_ratio or 0)),
                (self.most_ratio, None not in (self.most_ratio, ratio) and (ratio or 0) <= (self.most_ratio or 0)),
            )
            if bound is not None
        ]
        return all(verdicts) if verdicts else None

    @property
    def verdict(self) -> str:
        """``met``, ``MISSED``, or empty."""
        met = self.is_met
        return "" if met is None else "met" if met else "MISSED"


def table(figures: Iterable[Figure]) -> str:
    """The figures as a Markdown table."""
    rows = [("figure", "measured", "target", "baseline", "ratio", "verdict")]
    for each in figures:
        baseline = f"{_number(each.baseline)} {each.baseline_is}" if each.baseline is not None else ""
        ratio = f"{each.ratio:.2f}" if each.ratio is not None else ""
        rows.append((each.what, f"{_number(each.value)} {each.unit}", each.target, baseline, ratio, each.verdict))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def percentile(values: Sequence[float], share: int) -> float:
    """The value below which ``share`` percent of ``values`` lie; of a single value, that one."""
    return statistics.quantiles(values, n=100, method="inclusive")[share - 1] if len(values) > 1 else values[0]


def _number(value: float) -> str:
    if value != value or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}".rstrip("0").rstrip(".")
