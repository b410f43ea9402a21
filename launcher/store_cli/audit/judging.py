"""Judge a shop's books: is every unit where it should be, and every order paid for exactly once?

Pure: pages of stock and orders go in, findings come out. The shop works on while its books are read, so
the orders are read twice, `before` and `after` the stock: what an order was before and is after bounds what it
can have been when the stock was read. Only what no passing state explains is a finding (docs/protocols.md, Audit).
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from store_cli.shop.admin_views import OrderLine, OrderRow, Payment, StockRow

PASSING: Final = frozenset({"PENDING", "REJECTING", "CANCELLING"})
WAITING: Final = frozenset({"CREATED", "PROCESSING"})
LEAVING: Final = frozenset({"SHIPPING", "DELIVERED"})
MADE: Final = WAITING | LEAVING
UNDONE: Final = frozenset({"REJECTED", "CANCELLED"})
UNPRICED: Final = frozenset({"PENDING", "REJECTING", "REJECTED"})
_NOT_PAID: Final = Payment(state="NONE")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in the books that is wrong.

    `sighting` is what was seen: a second look that sees the very same sighting settles the matter.
    """

    code: str
    subject: str
    detail: str
    sighting: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What the finding is about, whatever its figures."""
        return self.code, self.subject


@dataclass(frozen=True, slots=True)
class Books:
    """A reading of the shop: the orders' status by id, then the stock, then the orders in full."""

    before: Mapping[str, str]
    stock: Mapping[str, StockRow]
    after: Mapping[str, OrderRow]


def judge(books: Books) -> list[Finding]:
    """Return everything that this reading alone cannot explain."""
    return [
        *(finding for row in books.stock.values() for finding in _conservation(row)),
        *(finding for order in books.after.values() for finding in (*_totals(order), *_charges(order))),
        *_holds(books),
        *_missing_holds(books),
        *_units_sold(books),
        *_unknown_products(books),
    ]


def _conservation(row: StockRow) -> Iterator[Finding]:
    held = sum(hold.quantity for hold in row.holds)
    seen = f"received {row.received}, available {row.available}, held {held}, sold {row.sold}"
    if row.received != row.available + held + row.sold:
        yield Finding("stock-not-conserved", row.product_id, seen, str(row.version))
    if min(row.received, row.available, row.sold, *(hold.quantity for hold in row.holds), 0) < 0:
        yield Finding("negative-stock", row.product_id, seen, str(row.version))


def _totals(order: OrderRow) -> Iterator[Finding]:
    """The total is the sum of the lines, each the product of its price and quantity."""
    if order.total_minor is None:
        if order.status not in UNPRICED:
            yield Finding("order-without-total", order.id, f"{order.status} without a total")
        return
    wrong = [line.product_id for line in order.lines if not _priced_right(line)]
    if wrong:
        yield Finding("line-total-differs", order.id, f"lines of {', '.join(wrong[:5])}")
    lines_minor = sum(line.line_total_minor or 0 for line in order.lines)
    if lines_minor != order.total_minor:
        yield Finding("total-differs", order.id, f"total {order.total_minor}, its lines make {lines_minor}")


def _priced_right(line: OrderLine) -> bool:
    return (
        line.unit_price_minor is not None and line.line_total_minor == line.unit_price_minor * line.quantity
    )


def _charges(order: OrderRow) -> Iterator[Finding]:
    """A made order is charged once, an undone one not any more, one on its way at most once."""
    paid = order.payment or _NOT_PAID
    seen = f"{order.status} with {paid.charges} charges, {paid.refunds} refunds, amount {paid.amount_minor}"
    if order.status in MADE and (paid.charges, paid.refunds) != (1, 0):
        yield Finding("not-charged-once", order.id, seen)
    elif order.status in UNDONE and paid.charges != paid.refunds:
        yield Finding("charge-left", order.id, seen)
    elif paid.charges > 1 or paid.refunds > paid.charges:
        yield Finding("charged-twice", order.id, seen)
    # The total is written after the charge: an order that lacks it still is on its way, or was turned back.
    if paid.charges and order.total_minor is not None and paid.amount_minor != order.total_minor:
        yield Finding("amount-differs", order.id, f"{seen}, total {order.total_minor}")


def _holds(books: Books) -> Iterator[Finding]:
    """Every hold belongs to a line of an order that had not ended when the stock was read."""
    for row in books.stock.values():
        for hold in row.holds:
            subject = f"{hold.order_id}/{row.product_id}"
            order = books.after.get(hold.order_id)
            if order is None:
                yield Finding(
                    "hold-without-order", subject, f"{hold.quantity} held for an order that does not exist"
                )
                continue
            ordered = sum(line.quantity for line in order.lines if line.product_id == row.product_id)
            if ordered != hold.quantity:
                yield Finding("hold-differs", subject, f"{hold.quantity} held, {ordered} ordered")
            ended = books.before.get(hold.order_id)
            if ended in UNDONE or ended == "DELIVERED":
                yield Finding("hold-of-ended-order", subject, f"{hold.quantity} held for an order {ended}")


def _missing_holds(books: Books) -> Iterator[Finding]:
    """An order that waited before and after has a hold for each of its lines."""
    held = {(hold.order_id, row.product_id) for row in books.stock.values() for hold in row.holds}
    for order in books.after.values():
        if order.status not in WAITING or books.before.get(order.id) not in WAITING:
            continue
        for line in order.lines:
            if line.product_id in books.stock and (order.id, line.product_id) not in held:
                subject = f"{order.id}/{line.product_id}"
                yield Finding(
                    "order-without-goods", subject, f"{order.status}, nothing held of {line.quantity}"
                )


def _units_sold(books: Books) -> Iterator[Finding]:
    """Units sold = lines of orders that left; those leaving while the stock was read may count or not."""
    held = {(hold.order_id, row.product_id) for row in books.stock.values() for hold in row.holds}
    certain: Counter[str] = Counter()
    possible: Counter[str] = Counter()
    for order in books.after.values():
        if order.status in LEAVING:
            had_left = books.before.get(order.id) in LEAVING
            for line in order.lines:
                if (order.id, line.product_id) not in held:
                    possible[line.product_id] += line.quantity
                    certain[line.product_id] += line.quantity if had_left else 0
    for row in books.stock.values():
        low, high = certain[row.product_id], possible[row.product_id]
        if not low <= row.sold <= high:
            explained = str(low) if low == high else f"{low} to {high}"
            yield Finding("sold-differs", row.product_id, f"sold {row.sold}, orders explain {explained}")


def _unknown_products(books: Books) -> Iterator[Finding]:
    """What was sold is in the catalogue, as a deleted product at least: stock is listed of those, too."""
    sold: Counter[str] = Counter()
    for order in books.after.values():
        if order.status in MADE:
            sold.update({line.product_id: line.quantity for line in order.lines})
    for product_id, units in sold.items():
        if product_id not in books.stock:
            yield Finding(
                "unknown-product",
                product_id,
                f"orders sold {units} of it, the catalogue has never heard of it",
            )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What further looks made of the findings of the first one."""

    confirmed: tuple[Finding, ...]
    suspected: tuple[Finding, ...]


def second_look(suspected: Mapping[tuple[str, str], Finding], again: list[Finding]) -> Verdict:
    """Keep what is still found: confirmed when the sighting is the same, else suspected on."""
    still = [finding for finding in again if finding.key in suspected]
    same = [finding for finding in still if suspected[finding.key].sighting == finding.sighting]
    return Verdict(tuple(same), tuple(finding for finding in still if finding not in same))


@dataclass(frozen=True, slots=True)
class Summary:
    """What the books hold, for the report."""

    products: int
    received: int
    available: int
    held: int
    sold: int
    orders: Mapping[str, int]
    charged_minor: int


def summarise(books: Books) -> Summary:
    """Add the books up; money in minor units, net of refunds."""
    by_status: dict[str, int] = defaultdict(int)
    for order in books.after.values():
        by_status[order.status] += 1
    return Summary(
        products=len(books.stock),
        received=sum(row.received for row in books.stock.values()),
        available=sum(row.available for row in books.stock.values()),
        held=sum(hold.quantity for row in books.stock.values() for hold in row.holds),
        sold=sum(row.sold for row in books.stock.values()),
        orders=dict(by_status),
        charged_minor=sum(
            order.payment.amount_minor or 0
            for order in books.after.values()
            if order.payment and order.payment.charges > order.payment.refunds
        ),
    )
