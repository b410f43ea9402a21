"""Lines of a file that cannot be sold as they stand: why, how many, and where the first of them are."""

from bisect import insort
from dataclasses import dataclass, field
from typing import Any, Final

from store_cli.files.opening import FileError
from store_cli.files.tables import Faulty, Record

_NAMED: Final = 5
"""How many of a reason are named by their line."""


@dataclass(slots=True)
class _Reason:
    count: int = 0
    first: str = ""
    lines: list[int] = field(default_factory=list)


class RefusedLine(FileError):
    """A line that would be left aside, where nothing is to be; names the file."""


class LeftAside:
    """What was left aside so far.

    Args:
        strict: the first such line ends the work instead.
        source: the file, for its message.
    """

    def __init__(self, *, strict: bool = False, source: str = "") -> None:
        self._strict = strict
        self._source = f"{source}: " if source else ""
        self._reasons: dict[str, _Reason] = {}

    def __len__(self) -> int:
        """Return how many lines."""
        return sum(reason.count for reason in self._reasons.values())

    def fault(self, fault: Faulty, record: Record) -> None:
        """Leave a record aside."""
        self.note(fault.reason, fault.value, record.line, lines=record.until - record.line + 1)

    def note(self, reason: str, value: str, line: int, *, lines: int = 1) -> None:
        """Leave lines aside, `line` and those that belong to it.

        Raises:
            RefusedLine: nothing is to be left aside.
        """
        found = f" ('{_short(value)}')" if value else ""
        if self._strict:
            raise RefusedLine(f"{self._source}{f'line {line}: ' if line else ''}{reason}{found}.")
        kept = self._reasons.setdefault(reason, _Reason(first=found))
        kept.count += lines
        insort(kept.lines, line)  # batches come back in any order
        del kept.lines[_NAMED:]

    def values(self) -> list[dict[str, Any]]:
        """Return it for JSON."""
        return [
            {"reason": reason, "count": kept.count, "lines": kept.lines}
            for reason, kept in self._reasons.items()
        ]

    def text(self) -> str:
        """Return it for people: empty, or lines that each begin with a line end."""
        if not self._reasons:
            return ""
        return "".join(
            [f"\n{_lines(len(self))} of the file left aside, since they cannot be sold as they stand:"]
            + [
                f"\n  {_lines(kept.count)}: {reason}{kept.first}; {_places(kept)}"
                for reason, kept in self._reasons.items()
            ]
        )


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"


def _places(kept: _Reason) -> str:
    numbers = ", ".join(map(str, kept.lines))
    more = ", ..." if kept.count > len(kept.lines) else ""
    return f"line{'s' if len(kept.lines) > 1 else ''} {numbers}{more}"


def _short(value: str) -> str:
    return value if len(value) <= 40 else f"{value[:37]}..."  # noqa: PLR2004 - fits beside the sentence
