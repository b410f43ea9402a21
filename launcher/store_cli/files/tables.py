"""A table in a text file: which separator, which columns, and records that know their lines."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final, NamedTuple, Protocol

from store_kit.texts import seen

from store_cli.files.opening import FileError, is_damaged

SEPARATORS: Final = ",;\t|"
_NAMED: Final = re.compile(r'"?sep=(.)"?\s*$')
"""Excel's way to name the separator in a line before the table."""
_CONTROLS: Final = re.compile(r"(?<! ) *[\x00-\x1f\x7f-\x9f\u2028\u2029][\x00-\x20\x7f-\x9f\u2028\u2029]*")
"""Line ends in quotes and other controls, which the shop refuses in a line, with the blanks around them."""


class Record(NamedTuple):
    """The values of one record as they stand, the first and the last of its lines (from 1), and the separator."""

    line: int
    until: int
    values: Sequence[str]
    separator: str


class Faulty(ValueError):
    """A record cannot be used; the text is the reason, the same for all that have this fault.

    Args:
        reason: for people, without the value.
        value: what was found.
    """

    def __init__(self, reason: str, value: str = "") -> None:
        super().__init__(reason)
        self.reason, self.value = reason, value


@dataclass(frozen=True, slots=True)
class Table:
    """The names of the columns, the separator, and the records below, to be read once."""

    columns: Sequence[str]
    separator: str
    records: Iterator[Record]


def read_table(lines: Iterable[str]) -> Table:
    """Read the first line with something in it as the names of columns; records follow as they are read.

    Raises:
        FileError: there is nothing in it; while records are read: a quote is opened and never closed.
    """
    rest = iter(lines)
    passed, first = _first_line(rest)
    separator = ""
    if named := _NAMED.match(first):
        separator = named[1]
        more, first = _first_line(rest)
        passed += more
    separator = separator or _separator_of(first)
    rows = csv.reader(chain([first], rest), delimiter=separator)
    try:
        columns = [name.strip() for name in next(rows)]
    except csv.Error as broken:
        raise FileError(f"line {passed}: {broken}") from broken
    return Table(columns, separator, _records(rows, passed - 1, separator))


def one_line(text: str) -> str:
    """Return a text as the shop keeps it, quoted line ends and controls turned into blanks; empty when unseen."""
    return seen(text if text.isprintable() else _CONTROLS.sub(" ", text))


def checked(record: Record, columns: int, needed: int) -> Sequence[str]:
    """Return the values of a record.

    Args:
        record: what was read.
        columns: how many the table has.
        needed: how many of them the values must reach.

    Raises:
        Faulty: a byte has no meaning in the file's encoding, or there are more or fewer values than columns.
    """
    values = record.values
    if is_damaged("".join(values)):
        raise Faulty("it has bytes that mean nothing in the encoding of the file; name another by --encoding")
    too_many = len(values) > columns and any(value.strip() for value in values[columns:])
    if record.until > record.line and (too_many or len(values) < needed or _joined(record, columns)):
        raise Faulty("a quote is opened there and closed lines later, so the lines between cannot be told")
    if too_many:
        raise Faulty("it has more columns than the first line", str(len(values)))
    if len(values) < needed:
        raise Faulty("it has fewer columns than the first line", str(len(values)))
    return values


def _joined(record: Record, columns: int) -> bool:
    """Tell whether a value looks like the end of one record and the beginning of another, with a line end between."""
    for place, value in enumerate(record.values):
        first, _, rest = value.strip().partition("\n")
        last = rest.rpartition("\n")[2]
        if place and last.count(record.separator) == place:
            return first.count(record.separator) == columns - 1 - place
    return False


def _first_line(lines: Iterator[str]) -> tuple[int, str]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            return number, line
    raise FileError("it is empty")


def _separator_of(line: str) -> str:
    return max(SEPARATORS, key=lambda separator: len(next(csv.reader([line], delimiter=separator))))


class _Rows(Protocol):
    """What csv.reader gives."""

    @property
    def line_num(self) -> int: ...

    def __iter__(self) -> Iterator[list[str]]: ...


def _records(rows: _Rows, passed: int, separator: str) -> Iterator[Record]:
    begins = passed + rows.line_num + 1
    try:
        for row in rows:
            line, until = begins, passed + rows.line_num
            begins = until + 1
            if any(row):
                yield Record(line, until, row, separator)
    except csv.Error as broken:
        raise FileError(
            f"line {begins}: {broken}; perhaps a quote is opened there and not closed"
        ) from broken
