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

    Nothing is so many times of 0. So where a figure of the base is 0, as counts often are, or less, as the processor
    time of idle threads may be by the clocks' errors, new and base are subtracted instead of divided.
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
    def subtracted(self) -> bool:
        """Whether new and base are subtracted instead of divided."""
        return min(*self.base, *self.again) <= 0

    @property
    def away(self) -> float:
        """The median of new to base, taken round by round, so that slow minutes of the machine fall on both.

        A factor, or a difference.
        """
        rounds = zip(self.base, self.again, self.new, strict=True)
        if self.subtracted:
            return statistics.median(new - (base + again) / 2 for base, again, new in rounds)
        return statistics.median(new / math.sqrt(base * again) for base, again, new in rounds)

    @property
    def spread(self) -> float:
        """The farthest that the base was from itself in any round: a factor of 1 or more, or a difference."""
        rounds = zip(self.base, self.again, strict=True)
        if self.subtracted:
            return max(abs(base - again) for base, again in rounds)
        return max(max(base / again, again / base) for base, again in rounds)

    @property
    def within(self) -> tuple[float, float]:
        """What the new version may be away without being another."""
        return (-self.spread, self.spread) if self.subtracted else (1 / self.spread, self.spread)

    @property
    def verdict(self) -> Verdict:
        """Whether the new version is outside the spread, and on which side."""
        least, most = self.within
        if least <= self.away <= most:
            return "same"
        return "better" if (self.away > most) == self.metric.higher_is_better else "LOSS"


def table(measured: Sequence[Rounds]) -> str:
    """Return a row for each metric: medians, ratio or signed difference, the base against itself, verdict."""
    rows = [_COLUMNS.format("", "base", "new", "ratio", "base to itself", "verdict")]
    for rounds in measured:
        away, least, most = (
            f"{value:+.3g}" if rounds.subtracted else f"{value:.3f}"
            for value in (rounds.away, *rounds.within)
        )
        medians = (_plain(rounds.base_median), _plain(rounds.new_median))
        rows.append(_COLUMNS.format(rounds.metric.name, *medians, away, f"{least} to {most}", rounds.verdict))
    return "\n".join(rows)


def _plain(value: float) -> str:
    """Return a number with three significant digits or all of its whole ones."""
    digits = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:.{digits}f}"
