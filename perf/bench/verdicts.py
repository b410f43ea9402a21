"""What figures of alternated rounds say: medians, how far a version is from itself, and whether another one lost."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

Verdict = Literal["same", "better", "LOSS"]
_COLUMNS: Final = "{:<58} {:>10} {:>10} {:>7}  {:<15} {}"


@dataclass(frozen=True, slots=True)
class Metric:
    """What is measured, and in which direction it is better."""

    name: str
    higher_is_better: bool = False


@dataclass(frozen=True, slots=True)
class Rounds:
    """One metric of all rounds: of the base, of a second process of the base, and of the new version.

    Two processes of one version differ by chance, by their memory's layout and by what else the machine does. How far
    they do is the spread; a difference within it says nothing.
    """

    metric: Metric
    base: Sequence[float]
    again: Sequence[float]
    new: Sequence[float]

    @property
    def base_median(self) -> float:
        """The median of both processes of the base."""
        return statistics.median([*self.base, *self.again])

    @property
    def new_median(self) -> float:
        """The median of the new version."""
        return statistics.median(self.new)

    @property
    def ratio(self) -> float:
        """The median of new to base, taken round by round, so that slow minutes of the machine fall on both."""
        return statistics.median(
            _over(new, math.sqrt(base * again))
            for base, again, new in zip(self.base, self.again, self.new, strict=True)
        )

    @property
    def spread(self) -> float:
        """The farthest that the base was from itself in any round, as a factor of 1 or more."""
        rounds = zip(self.base, self.again, strict=True)
        return max(max(_over(base, again), _over(again, base)) for base, again in rounds)

    @property
    def verdict(self) -> Verdict:
        """Whether the new version is outside the spread, and on which side."""
        if 1 / self.spread <= self.ratio <= self.spread:
            return "same"
        return "better" if (self.ratio > 1) == self.metric.higher_is_better else "LOSS"


def table(measured: Sequence[Rounds]) -> str:
    """Return a row for each metric: medians, ratio, the base against itself, verdict."""
    rows = [_COLUMNS.format("", "base", "new", "ratio", "base to itself", "verdict")]
    rows += [
        _COLUMNS.format(
            rounds.metric.name,
            _plain(rounds.base_median),
            _plain(rounds.new_median),
            f"{rounds.ratio:.3f}",
            f"{1 / rounds.spread:.3f} to {rounds.spread:.3f}",
            rounds.verdict,
        )
        for rounds in measured
    ]
    return "\n".join(rows)


def _over(one: float, other: float) -> float:
    """Return how many times the other one is: without end when that is 0, the same when both are."""
    if other == 0:
        return 1.0 if one == 0 else math.inf
    return one / other


def _plain(value: float) -> str:
    """Return a number with three significant digits or all of its whole ones."""
    digits = max(0, 2 - math.floor(math.log10(value))) if value else 0
    return f"{value:.{digits}f}"
