"""The ledger of a real shop: Online Retail (UCI, D. Chen 2012, CC BY 4.0) read into products and invoices.

Nothing here knows a shop: the file goes in, plain values come out. Money is read as exact decimals and kept
in pence. A line that cannot be sold as it stands is left aside and counted; see docs/importing.md.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Final, Generic, TypeVar

from store_cli.files.amounts import minor_units, whole_number
from store_cli.files.left_aside import LeftAside, RefusedLine
from store_cli.files.opening import FileError, opened
from store_cli.files.tables import Faulty, checked, one_line, read_table
from store_cli.importing.categories import guess_category

T = TypeVar("T", bound=Hashable)

COLUMNS: Final = {
    "InvoiceNo": "invoiceno invoice",
    "StockCode": "stockcode",
    "Description": "description",
    "Quantity": "quantity",
    "UnitPrice": "unitprice price",
    "CustomerID": "customerid",
}
"""The columns that are used -> how they are called, blanks and case apart: the ledger has two editions."""
CURRENCY: Final = "GBP"
LEDGER_FILE: Final = "online-retail-2010-12_2011-02.csv.gz"
_PACKAGE: Final = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class LedgerProduct:
    """One product per StockCode, exactly as written; `units_sold` counts every sale line of the file.

    `line` is where the file first calls it by its name.
    """

    sku: str
    name: str
    category: str
    price_minor: int
    units_sold: int
    line: int = 0


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
    left_aside: LeftAside = field(default_factory=LeftAside, compare=False)


@dataclass(frozen=True, slots=True)
class SaleLine:
    """A row of the file in which something was sold for money."""

    invoice: str
    sku: str
    description: str
    quantity: int
    price_minor: int
    customer: str
    line: int


class _Votes(Generic[T]):
    """Counts values and where they were seen, for "the most frequent, ties to the one seen last"."""

    __slots__ = ("_votes",)

    def __init__(self) -> None:
        self._votes: dict[T, list[int]] = {}

    def add(self, value: T, line: int) -> None:
        vote = self._votes.setdefault(value, [0, 0, line])
        vote[0] += 1
        vote[1] = line

    def winner(self) -> T:
        return max(self._votes, key=self._votes.__getitem__)

    def first_line(self, value: T) -> int:
        return self._votes[value][2]


class _Tally:
    """What the sale lines of one product say about it."""

    __slots__ = ("names", "prices", "units")

    def __init__(self) -> None:
        self.names = _Votes[str]()
        self.prices = _Votes[int]()
        self.units = 0

    def add(self, line: SaleLine) -> None:
        self.names.add(line.description, line.line)
        self.prices.add(line.price_minor, line.line)
        self.units += line.quantity

    def product(self, sku: str) -> LedgerProduct:
        written = self.names.winner()
        name, line = one_line(written) or sku, self.names.first_line(written)
        return LedgerProduct(sku, name, guess_category(name), self.prices.winner(), self.units, line)


def shipped_ledger() -> Path:
    """Return the ledger that comes with the shop: inside an installed package, else in the repository.

    Raises:
        FileNotFoundError: it is in neither place.
    """
    places = [folder / "data" / LEDGER_FILE for folder in (_PACKAGE, _PACKAGE.parents[1])]
    for place in places:
        if place.is_file():
            return place
    raise FileNotFoundError(f"{LEDGER_FILE} is not in any of: {', '.join(map(str, places))}")


def read_ledger(path: Path, *, strict: bool = False, encoding: str | None = None) -> Ledger:
    """Read a ledger from a CSV file of any encoding and separator, gzipped or not; `-` is the standard input.

    Args:
        path: the file.
        strict: refuse the file for the first line that would be left aside.
        encoding: of the file, where it is not the one that is found out.

    Raises:
        FileError: it is not a ledger, or cannot be read.
        OSError: the file cannot be opened.
    """
    left_aside = LeftAside(strict=strict, source=str(path))
    with opened(path, encoding) as text:
        try:
            return ledger_of(sale_lines(text.lines, left_aside), left_aside)
        except RefusedLine:
            raise
        except FileError as wrong:
            raise FileError(f"{path}: {wrong}.") from wrong


def sale_lines(text: Iterable[str], left_aside: LeftAside) -> Iterator[SaleLine]:
    """Yield the records with a quantity and a price above zero, in the order of the file.

    Raises:
        FileError: a column is missing.
    """
    table = read_table(text)
    places = _places(table.columns)
    pick, width, needed = itemgetter(*places), len(table.columns), max(places) + 1
    for record in table.records:
        try:
            line = _sale_line(record.line, *pick(checked(record, width, needed)))
        except Faulty as fault:
            left_aside.fault(fault, record)
        else:
            if line is not None:
                yield line


def _places(columns: Sequence[str]) -> list[int]:
    found = ["".join(column.split()).lower() for column in columns]
    places = {
        column: next((found.index(name) for name in names.split() if name in found), None)
        for column, names in COLUMNS.items()
    }
    if missing := [column for column, place in places.items() if place is None]:
        raise FileError(f"not an Online Retail ledger: no column {', '.join(missing)} in its first line")
    return [place for place in places.values() if place is not None]


def ledger_of(lines: Iterable[SaleLine], left_aside: LeftAside) -> Ledger:
    """Gather sale lines into products and invoices; `left_aside` fills up while they are read."""
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
        left_aside=left_aside,
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
    line: int, invoice: str, sku: str, description: str, quantity: str, price: str, customer: str
) -> SaleLine | None:
    """Return the sale; None for a return, a gift or a correction.

    Raises:
        Faulty: the values make no sense.
    """
    units = whole_number(quantity, "Quantity")
    if units <= 0:
        return None
    pence = minor_units(price, CURRENCY, "UnitPrice")
    if pence <= 0:
        return None
    sku = one_line(sku)
    if not (invoice.strip() and sku):
        raise Faulty("InvoiceNo or StockCode is blank")
    # Pandas wrote the customers as floats, because some are blank.
    return SaleLine(invoice.strip(), sku, description, units, pence, customer.removesuffix(".0"), line)
