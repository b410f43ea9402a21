"""The ledger of a real shop: Online Retail (UCI, D. Chen 2012, CC BY 4.0) read into products and invoices.

Nothing here knows a shop: the file goes in, plain values come out. Money is read as exact decimals and kept
in pence.
"""

import csv
import gzip
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import Generic, TypeVar

from store_cli.categories import guess_category

T = TypeVar("T")

COLUMNS = (
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
)
MINOR_PER_MAJOR = 100
_USED = ("InvoiceNo", "StockCode", "Description", "Quantity", "UnitPrice", "CustomerID")
_GZIP_MAGIC = b"\x1f\x8b"


class LedgerError(ValueError):
    """The file is not a ledger: says which line, which column and what was found."""


@dataclass(frozen=True, slots=True)
class LedgerProduct:
    """One product per StockCode, exactly as written; `units_sold` counts every sale line of the file."""

    sku: str
    name: str
    category: str
    price_minor: int
    units_sold: int


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """So many units of one product, summed over the invoice's sale lines."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice with at least one sale line; `customer` is empty where the ledger does not say."""

    number: str
    customer: str
    lines: tuple[InvoiceLine, ...]


@dataclass(frozen=True, slots=True)
class Ledger:
    """Products and invoices, both in the order in which the file first names them."""

    products: tuple[LedgerProduct, ...]
    invoices: tuple[Invoice, ...]


@dataclass(frozen=True, slots=True)
class SaleLine:
    """A row of the file in which something was sold for money."""

    invoice: str
    sku: str
    description: str
    quantity: int
    price_minor: int
    customer: str


class _Votes(Generic[T]):
    """Counts values and knows which was seen last, for "the most frequent, ties to the one seen last"."""

    __slots__ = ("_seen", "_votes")

    def __init__(self) -> None:
        self._votes: dict[T, list[int]] = {}
        self._seen = 0

    def add(self, value: T) -> None:
        self._seen += 1
        vote = self._votes.setdefault(value, [0, 0])
        vote[0] += 1
        vote[1] = self._seen

    def winner(self) -> T:
        return max(self._votes, key=self._votes.__getitem__)


class _Tally:
    """What the sale lines of one product say about it."""

    __slots__ = ("names", "prices", "units")

    def __init__(self) -> None:
        self.names = _Votes[str]()
        self.prices = _Votes[int]()
        self.units = 0

    def add(self, line: SaleLine) -> None:
        self.names.add(line.description)
        self.prices.add(line.price_minor)
        self.units += line.quantity

    def product(self, sku: str) -> LedgerProduct:
        name = self.names.winner().strip() or sku
        return LedgerProduct(sku, name, guess_category(name), self.prices.winner(), self.units)


def read_ledger(path: Path) -> Ledger:
    """Read a ledger from a CSV file, gzipped or not.

    Raises:
        LedgerError: a column is missing or a value cannot be read; nothing is guessed.
        OSError: the file cannot be opened.
    """
    try:
        with path.open("rb") as probe:
            zipped = probe.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
        opener = gzip.open if zipped else open
        with opener(path, "rt", encoding="utf-8", newline="") as text:
            return ledger_of(sale_lines(text))
    except (EOFError, gzip.BadGzipFile, UnicodeDecodeError, csv.Error) as broken:
        message = f"{path} is not a readable CSV(.gz) file: {broken}"
        raise LedgerError(message) from broken


def sale_lines(text: Iterable[str]) -> Iterator[SaleLine]:
    """Yield the rows with a quantity and a price above zero, in the order of the file."""
    rows = csv.reader(text)
    header = next(rows, [])
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        message = f"not an Online Retail ledger: no column {', '.join(missing)} in its first line"
        raise LedgerError(message)
    pick = itemgetter(*(header.index(column) for column in _USED))
    for row in rows:
        if not row:
            continue
        try:
            line = _sale_line(*pick(row))
        except (IndexError, ValueError) as broken:
            message = f"line {rows.line_num}: {broken}"
            raise LedgerError(message) from broken
        if line.quantity > 0 and line.price_minor > 0:
            yield line


def ledger_of(lines: Iterable[SaleLine]) -> Ledger:
    """Gather sale lines into products and invoices."""
    tallies: dict[str, _Tally] = {}
    baskets: dict[str, Counter[str]] = {}
    customers: dict[str, str] = {}
    for line in lines:
        tallies.setdefault(line.sku, _Tally()).add(line)
        baskets.setdefault(line.invoice, Counter())[line.sku] += line.quantity
        customers.setdefault(line.invoice, line.customer)
    return Ledger(
        products=tuple(tally.product(sku) for sku, tally in tallies.items()),
        invoices=tuple(_invoice(number, customers[number], basket) for number, basket in baskets.items()),
    )


def units_by_sku(invoices: Iterable[Invoice]) -> Mapping[str, int]:
    """Count the units of each product that these invoices need together."""
    needed: Counter[str] = Counter()
    for invoice in invoices:
        for line in invoice.lines:
            needed[line.sku] += line.quantity
    return needed


def shopper_key(invoice: Invoice) -> str:
    """Return what decides whose account buys: the customer, or the invoice itself when that is blank."""
    return f"customer:{invoice.customer}" if invoice.customer else f"invoice:{invoice.number}"


def _invoice(number: str, customer: str, basket: Counter[str]) -> Invoice:
    return Invoice(number, customer, tuple(InvoiceLine(sku, quantity) for sku, quantity in basket.items()))


def _sale_line(
    invoice: str, sku: str, description: str, quantity: str, price: str, customer: str
) -> SaleLine:
    if not (invoice and sku):
        message = "InvoiceNo or StockCode is blank"
        raise ValueError(message)
    # Pandas wrote the customers as floats, because some are blank.
    return SaleLine(invoice, sku, description, _whole(quantity), _pence(price), customer.removesuffix(".0"))


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        message = f"Quantity is {text!r}, not a whole number"
        raise ValueError(message) from None


@cache
def _pence(text: str) -> int:
    """Turn "2.55" into 255 exactly; a fraction of a penny is refused, not rounded."""
    try:
        minor = Decimal(text) * MINOR_PER_MAJOR
        whole = int(minor)
    except (InvalidOperation, ValueError, OverflowError):
        message = f"UnitPrice is {text!r}, not an amount of money"
        raise ValueError(message) from None
    if minor != whole:
        message = f"UnitPrice {text} has a fraction of a penny"
        raise ValueError(message)
    return whole
