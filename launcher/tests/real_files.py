"""Ledgers as people really have them, made by a few lines instead of a big file."""

import csv
import io
from collections.abc import Iterator, Sequence

HEADER = [
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
]
Row = Sequence[object]


def sale(
    invoice: object, sku: str, name: str, quantity: object, price: str, customer: str = "17850.0"
) -> Row:
    """Return one row of a ledger."""
    return [invoice, sku, name, quantity, "2011-11-30 08:26:00", price, customer, "United Kingdom"]


def messy_rows(largest: int = 0) -> Iterator[Row]:
    """Yield the rows of a ledger with all that a real one has.

    Three invoices that can be sold: 4 lines of 14 units, 3 720 pence; seven lines that cannot; returns and gifts, which
    are neither. With `largest` a fourth invoice of that many different products at a penny each.
    """
    yield sale(1, "CAFE", "CAFÉ AU LAIT BOWL", 2, "2.55")
    yield sale(1, "QUOTED", 'SIGN "HOME",\nTWO LINES', 3, "1.10")
    yield sale(1, "PADS", "PADS TO MATCH ALL CUSHIONS", 1, "0.001")
    yield sale(2, "CAFE", "CAFÉ AU LAIT BOWL", 4, "2.55", "")
    yield sale("C3", "CAFE", "CAFÉ AU LAIT BOWL", -4, "2.55")
    yield sale(3, "GIFT", "FREE BOX", 1, "0.0")
    yield sale(4, "LONG", "N" * 201, 1, "1.00")
    yield sale(4, "EURO", "€ PURSE", 5, "3.72")
    yield sale(5, "ODD", "ODD PRICE", 1, "free")
    yield sale(5, "", "NO SKU", 1, "1.00")
    yield sale(5, "HALF", "HALF A MUG", "0.5", "1.00")
    yield [5, "CUT"]
    yield [*sale(5, "WIDE", "TOO MANY", 1, "1.00"), "and", "more"]
    for number in range(largest):
        yield sale(6, f"W-{number:04}", f"WHOLESALE MUG {number}", 1, "0.01", "12346.0")


SOLD = {"orders": 3, "lines": 4, "units": 14, "total_minor": 6 * 255 + 3 * 110 + 5 * 372}
LEFT_ASIDE = {
    "UnitPrice has a fraction of a penny": [5],
    "UnitPrice is not an amount of money": [11],
    "InvoiceNo or StockCode is blank": [12],
    "Quantity is not a whole number": [13],
    "it has fewer columns than the first line": [14],
    "it has more columns than the first line": [15],
}
"""Reason -> lines, of what the file alone tells; the name of line 9 only the shop refuses."""


def as_csv(rows: Iterator[Row], separator: str = ",", line_end: str = "\n") -> str:
    """Return the rows below their header."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator=line_end)
    writer.writerow(HEADER)
    writer.writerows(rows)
    return text.getvalue()
