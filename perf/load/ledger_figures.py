"""How people really bought, counted in the ledger: `python -m perf.load.ledger_figures` prints perf/load/figures.py.

The ledger says what was ordered, by whom and what was taken back. It does not say how often a customer looked and
went away: that is an assumption, and stands in perf/load/shopper.py as one.
"""

import argparse
import csv
import gzip
import sys
import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from store_cli.importing.ledger import Ledger, read_ledger, shipped_ledger

SLICES: Final = (1, 4, 5, 10, 30, 50)
"""Per cent of the products, the most wanted first; together 100."""

_PAGE: Final = '''\
"""How people really bought, as `python -m perf.load.ledger_figures` counted it in data/. Not edited by hand."""

from typing import Final

LINES_OF_AN_ORDER: Final = (
{lines}
)  # fmt: skip
"""Different products in an order: the middle of each hundredth of {orders} orders, the smallest first."""

UNITS_OF_A_LINE: Final = (
{units}
)  # fmt: skip
"""Units of one product in an order: the middle of each hundredth of {order_lines} lines."""

WANTED: Final = {wanted}
"""(per cent of the products, the most wanted first; their share of all lines)."""

NEW_CUSTOMERS: Final = {new}
"""Share of the orders that were their customer's first ({customers} of {named} with a customer's name)."""

TAKEN_BACK: Final = {taken_back}
"""Credit notes for each order ({notes} for {orders})."""

THE_MOST_WANTED: Final = {most_wanted}
"""Share of the orders that hold the one most wanted product."""
'''


def middles(values: Sequence[int]) -> list[int]:
    """Return the middle of each hundredth of the values, the smallest first."""
    ranked = sorted(values)
    return [ranked[len(ranked) * (2 * hundredth + 1) // 200] for hundredth in range(100)]


def wanted(ledger: Ledger) -> list[tuple[int, float]]:
    """Return how lines divide among slices of the products, the most wanted first."""
    lines = Counter(line.sku for invoice in ledger.invoices for line in invoice.lines)
    ranked = [count for _, count in lines.most_common()]
    found, begin = [], 0
    for per_cent in SLICES:
        end = begin + per_cent
        part = ranked[len(ranked) * begin // 100 : len(ranked) * end // 100]
        found.append((per_cent, round(sum(part) / sum(ranked), 3)))
        begin = end
    return found


def credit_notes(path: Path) -> int:
    """Count the invoices whose number begins with C: the ledger's mark of what was taken back."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as text:
        return len({row["InvoiceNo"] for row in csv.DictReader(text) if row["InvoiceNo"].startswith("C")})


def page(path: Path) -> str:
    """Return the text of perf/load/figures.py.

    Raises:
        FileError: the file is not a ledger.
    """
    ledger = read_ledger(path)
    orders = ledger.invoices
    named = [order.customer for order in orders if order.customer]
    holding = Counter(line.sku for order in orders for line in order.lines)
    notes = credit_notes(path)
    lines = [len(order.lines) for order in orders]
    units = [line.quantity for order in orders for line in order.lines]
    return _PAGE.format(
        lines=_rows(middles(lines)),
        units=_rows(middles(units)),
        orders=len(orders),
        order_lines=len(units),
        wanted=tuple(wanted(ledger)),
        new=round(len(set(named)) / len(named), 3),
        customers=len(set(named)),
        named=len(named),
        taken_back=round(notes / len(orders), 3),
        notes=notes,
        most_wanted=round(max(holding.values()) / len(orders), 3),
    )


def _rows(values: Sequence[int]) -> str:
    return textwrap.indent(textwrap.fill(", ".join(map(str, values)) + ",", width=100), "    ")


def main() -> None:
    """Print the figures of the ledger that is named, or of the shipped one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ledger", nargs="?", type=Path, default=shipped_ledger())
    sys.stdout.write(page(parser.parse_args().ledger))


if __name__ == "__main__":
    main()
