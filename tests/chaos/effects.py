"""Which calls of ports change something, and which of those no order of a scenario can do without."""

from collections.abc import Iterable, Mapping

from tests.chaos.boundaries import Boundary

LOOKS = {
    "cart.carts": ("read_cart", "find_line", "is_cart_merged", "list_carts"),
    "cart.catalogue": ("find_products", "read_news"),
    "catalog.feed": ("newest_position", "list_entries"),
    "catalog.products": ("get_product", "find_products", "scan_products"),
    "catalog.stock": ("list_stock", "list_unfinished"),
    "order.carts": ("read_cart",),
    "order.orders": ("find_order", "find_orders", "list_lines", "find_event", "list_events"),
    "order.payments": ("find_payment",),
    # `finish_hints` may be lazy: it writes nothing that recovery could miss.
    "order.work": ("list_due_hints", "finish_hints"),
    "user.accounts": ("find_account", "find_account_by_email", "list_accounts", "list_leaving_accounts"),
    "user.revocations": ("list_revocations",),
}
"""Calls that change nothing; whatever is not named here counts as an effect."""
_NEWS = ("order.notifications.send_notifications", "user.notifications.insert_notifications")


def is_look(service: str, port: str, method: str) -> bool:
    """Whether a call changes nothing, so that repeating it any number of times is the same as once."""
    return method in LOOKS.get(f"{service}.{port}", ())


def _back(from_status: str, to: str) -> frozenset[str]:
    """Return the effects of going back."""
    steps = [f"order.orders.advance_order[{status}.status]" for status in (from_status, to)]
    undone = (
        "order.reservations.release_goods",
        "catalog.stock.release_stock",
        "order.payments.refund_order",
    )
    return frozenset((*steps, *undone, *_told(to)))


def _told(*statuses: str) -> list[str]:
    return [f"{news}[{status}]" for news in _NEWS for status in statuses]


_BEGUN = frozenset(
    {
        "order.orders.insert_order[PENDING.status]",
        "order.reservations.reserve_goods",
        "catalog.stock.reserve_stock",
    }
)
_TAKEN = _BEGUN | {
    "order.carts.take_cart",
    "cart.carts.change_cart[carts.take]",
}
_CHARGED = _TAKEN | {"order.payments.charge_order"}
_GIVEN_BACK = frozenset({"order.carts.give_back_cart", "cart.carts.change_cart[carts.give_back]"})
EFFECTS: Mapping[str, frozenset[str]] = {
    "placing": _CHARGED | {"order.orders.advance_order[CREATED.status]"} | set(_told("CREATED")),
    "declined": _CHARGED | _back("REJECTING", "REJECTED") | _GIVEN_BACK,
    "unanswered": frozenset({"order.payments.find_payment"}),
    "lost": _back("REJECTING", "REJECTED") | _GIVEN_BACK | {"order.payments.find_payment"},
    "short": _BEGUN | _GIVEN_BACK | _back("REJECTING", "REJECTED"),
    "dearer": _BEGUN | _GIVEN_BACK | _back("REJECTING", "REJECTED"),
    "cancelling": _back("CANCELLING", "CANCELLED"),
    "shipping": frozenset(
        {
            "order.orders.advance_order[PROCESSING.status]",
            "order.orders.advance_order[SHIPPING.status]",
            "order.reservations.ship_goods",
            "catalog.stock.ship_stock",
            "order.orders.advance_order[SHIPPING.shipped]",
            "order.orders.advance_order[DELIVERED.status]",
            *_told("PROCESSING", "SHIPPING", "DELIVERED"),
        }
    ),
}
"""Scenario -> its effects, beyond those of the scenario that it goes on from: no order goes this way without them."""


def is_certain(scenario: str, boundary: Boundary) -> bool:
    """Whether every order of the scenario passes this boundary."""
    return boundary.nth == 1 and boundary.call in EFFECTS[scenario]


def missing(scenario: str, boundaries: Iterable[Boundary]) -> set[str]:
    """Return which sides of the effects that a scenario cannot do without are not among its boundaries."""
    sides = {f"{side} {call} #1" for call in EFFECTS[scenario] for side in ("before", "after")}
    return sides - set(map(str, boundaries))
