from collections.abc import Mapping, Sequence

import pytest
from store_cli.audit.judging import Books, Finding, judge, second_look, summarise
from store_cli.shop.admin_views import Hold, OrderLine, OrderRow, Payment, StockRow

PAID = Payment("CHARGED", charges=1, refunds=0, amount_minor=200)
REFUNDED = Payment("REFUNDED", charges=1, refunds=1, amount_minor=200)
LINE = OrderLine("p", 2, 100, 200)


def order(
    status: str, payment: Payment | None = PAID, *, order_id: str = "o", total: int | None = 200
) -> OrderRow:
    return OrderRow(order_id, status, 1, total, (LINE,), payment)


def stock(
    available: int = 8, sold: int = 0, holds: Mapping[str, int] | None = None, received: int = 10
) -> StockRow:
    held = tuple(Hold(order_id, quantity) for order_id, quantity in (holds or {}).items())
    return StockRow("p", received, available, sold, 1, held)


def books(row: StockRow, *orders: OrderRow, before: Mapping[str, str] | None = None) -> Books:
    statuses = {o.id: o.status for o in orders} if before is None else before
    return Books(statuses, {"p": row}, {o.id: o for o in orders})


def codes(reading: Books) -> list[str]:
    return [finding.code for finding in judge(reading)]


HELD = stock(8, 0, {"o": 2})
SOLD = stock(8, 2)
UNTOUCHED = stock(10)


@pytest.mark.parametrize(
    "reading",
    [
        books(UNTOUCHED),
        books(HELD, order("CREATED")),
        books(HELD, order("PROCESSING")),
        books(HELD, order("SHIPPING")),
        books(SOLD, order("SHIPPING")),
        books(SOLD, order("DELIVERED")),
        books(UNTOUCHED, order("CANCELLED", REFUNDED)),
        books(UNTOUCHED, order("REJECTED", None)),
        books(UNTOUCHED, order("REJECTED", None, total=None)),
        books(UNTOUCHED, OrderRow("o", "REJECTED", 1, None, (OrderLine("p", 2),), Payment("VOIDED"))),
    ],
)
def test_settled_books_are_right(reading: Books) -> None:
    """Held while it waits, held or sold while it ships, sold when delivered, nothing when undone."""
    assert codes(reading) == []


@pytest.mark.parametrize("status", ["CREATED", "PROCESSING", "SHIPPING", "DELIVERED"])
def test_a_product_that_was_sold_must_be_known(status: str) -> None:
    """A catalogue that begins anew knows nothing of what orders sold, not even as deleted: that is said of each."""
    reading = Books({"o": status}, {}, {"o": order(status)})
    assert [(found.code, found.subject) for found in judge(reading)] == [("unknown-product", "p")]


@pytest.mark.parametrize("status", ["REJECTED", "CANCELLED"])
def test_a_product_that_was_not_sold_need_not_be_known(status: str) -> None:
    """An order that was undone says nothing about the catalogue."""
    reading = Books({"o": status}, {}, {"o": order(status, REFUNDED)})
    assert "unknown-product" not in codes(reading)


@pytest.mark.parametrize(
    ("row", "status", "payment"),
    [
        (UNTOUCHED, "PENDING", None),
        (HELD, "PENDING", None),
        (HELD, "PENDING", PAID),
        (HELD, "REJECTING", PAID),
        (UNTOUCHED, "REJECTING", REFUNDED),
        (HELD, "CANCELLING", PAID),
        (UNTOUCHED, "CANCELLING", PAID),
        (UNTOUCHED, "CANCELLING", REFUNDED),
    ],
)
def test_passing_states_are_no_fault(row: StockRow, status: str, payment: Payment | None) -> None:
    """On its way an order may or may not have its goods and its charge yet, or still."""
    assert codes(books(row, order(status, payment))) == []


def test_pending_order_needs_no_total() -> None:
    """PENDING without frozen prices has no total, and that is no fault."""
    pending = OrderRow("o", "PENDING", 1, None, (OrderLine("p", 2),), None)
    assert codes(books(UNTOUCHED, pending)) == []


@pytest.mark.parametrize(
    ("row", "before", "after"),
    [
        (HELD, None, "CREATED"),
        (UNTOUCHED, None, "CREATED"),
        (SOLD, "PROCESSING", "SHIPPING"),
        (HELD, "PROCESSING", "SHIPPING"),
        (SOLD, "PROCESSING", "DELIVERED"),
        (HELD, "SHIPPING", "DELIVERED"),
        (UNTOUCHED, None, "DELIVERED"),
    ],
)
def test_orders_that_move_while_the_stock_is_read_are_no_fault(
    row: StockRow, before: str | None, after: str
) -> None:
    """A reading torn between stock and orders is explained by what the order was before and is after."""
    statuses = {} if before is None else {"o": before}
    assert codes(books(row, order(after), before=statuses)) == []


def test_hold_that_is_released_while_the_stock_is_read_is_no_fault() -> None:
    """A hold seen before its order was cancelled is no hold of a cancelled order."""
    assert codes(books(HELD, order("CANCELLED", REFUNDED), before={"o": "CREATED"})) == []


@pytest.mark.parametrize(
    ("reading", "code"),
    [
        (books(stock(9)), "stock-not-conserved"),
        (books(stock(-1, 1, {}, 0), order("DELIVERED")), "negative-stock"),
        (books(stock(8, 0, {"ghost": 2})), "hold-without-order"),
        (books(stock(7, 0, {"o": 3}), order("CREATED")), "hold-differs"),
        (books(HELD, order("CANCELLED", REFUNDED)), "hold-of-ended-order"),
        (books(HELD, order("REJECTED", None)), "hold-of-ended-order"),
        (books(HELD, order("DELIVERED")), "hold-of-ended-order"),
        (books(UNTOUCHED, order("CREATED")), "order-without-goods"),
        (books(UNTOUCHED, order("DELIVERED")), "sold-differs"),
        (books(SOLD), "sold-differs"),
        (books(SOLD, order("CANCELLED", REFUNDED)), "sold-differs"),
        (books(HELD, order("CREATED", None)), "not-charged-once"),
        (books(HELD, order("CREATED", REFUNDED)), "not-charged-once"),
        (books(HELD, order("CREATED", Payment("CHARGED", 2, 0, 200))), "not-charged-once"),
        (books(HELD, order("CREATED", Payment("CHARGED", 1, 0, 199))), "amount-differs"),
        (books(UNTOUCHED, order("CANCELLED", PAID)), "charge-left"),
        (books(UNTOUCHED, order("REJECTED", PAID)), "charge-left"),
        (books(UNTOUCHED, order("REJECTED", Payment("REFUNDED", 2, 2, 200))), "charged-twice"),
        (books(UNTOUCHED, order("PENDING", Payment("CHARGED", 2, 0, 200))), "charged-twice"),
        (books(HELD, order("CREATED", Payment("CHARGED", 1, 0, 201), total=201)), "total-differs"),
        (books(HELD, order("CREATED", PAID, total=None)), "order-without-total"),
    ],
)
def test_every_kind_of_fault_is_found(reading: Books, code: str) -> None:
    """Each broken promise of the shop has a finding of its own."""
    assert code in codes(reading)


@pytest.mark.parametrize(
    ("status", "payment"), [("PENDING", PAID), ("REJECTING", PAID), ("REJECTED", REFUNDED)]
)
def test_an_order_may_be_charged_before_its_total_is_written(status: str, payment: Payment) -> None:
    """It is on its way, or was turned back by somebody who did not know the total."""
    assert "amount-differs" not in codes(books(UNTOUCHED, order(status, payment, total=None)))


def test_line_whose_total_is_not_price_times_quantity_is_found() -> None:
    """A frozen line must be its unit price times its quantity, even where the sum is right."""
    wrong = OrderRow("o", "CREATED", 1, 200, (OrderLine("p", 2, 90, 200),), PAID)
    assert codes(books(HELD, wrong)) == ["line-total-differs"]


def finding(sighting: str, subject: str = "p") -> Finding:
    return Finding("stock-not-conserved", subject, "", sighting)


@pytest.mark.parametrize(
    ("again", "confirmed", "suspected"),
    [
        ([], 0, 0),
        ([finding("1")], 1, 0),
        ([finding("2")], 0, 1),
        ([finding("1", "another")], 0, 0),
    ],
)
def test_second_look_confirms_only_what_did_not_move(
    again: Sequence[Finding], confirmed: int, suspected: int
) -> None:
    """Gone: forgotten. The same version: confirmed. Another version: looked at again. New: not yet suspected."""
    first = finding("1")
    verdict = second_look({first.key: first}, list(again))
    assert (len(verdict.confirmed), len(verdict.suspected)) == (confirmed, suspected)


def test_summary_counts_only_money_that_stayed() -> None:
    """A refunded charge is not in the sum."""
    reading = books(HELD, order("CREATED"), order("CANCELLED", REFUNDED, order_id="o2"))
    summary = summarise(reading)
    assert (summary.charged_minor, summary.held, summary.orders) == (200, 2, {"CREATED": 1, "CANCELLED": 1})
