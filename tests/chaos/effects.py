"""Which calls of ports change something, and which of those no order of a scenario can do without."""

from collections.abc import Iterable, Mapping

from tests.chaos.boundaries import Boundary

_LOOKS = {
    "cart.carts": ("read", "line"),
    "cart.catalogue": ("lookup",),
    "cart.news": ("since",),
    "catalog.feed": ("head", "since"),
    "catalog.products": ("get", "many"),
    "catalog.stock": ("unfinished",),
    "order.carts": ("read",),
    "order.orders": ("find", "lines", "event", "timeline"),
    "order.payments": ("find",),
    # `done` may be lazy: it writes nothing that recovery could miss.
    "order.work": ("due", "done"),
    "user.accounts": ("get", "find", "page", "leavers"),
    "user.revocations": ("since",),
}
"""Calls that change nothing; whatever is not named here counts as an effect."""
_NEWS = ("order.notifications.send", "user.notifications.add")


def is_look(service: str, port: str, method: str) -> bool:
    """Whether a call changes nothing, so that repeating it any number of times is the same as once."""
    return method in _LOOKS.get(f"{service}.{port}", ())


def _back(from_status: str, to: str) -> frozenset[str]:
    """Return the effects of going back, after the order was frozen."""
    steps = [f"order.orders.advance[{status}.status]" for status in (from_status, to)]
    undone = ("order.reservations.release", "catalog.stock.release", "order.payments.refund")
    return frozenset((*steps, *undone, *_told(to)))


def _told(*statuses: str) -> list[str]:
    return [f"{news}[{status}]" for news in _NEWS for status in statuses]


_BEGUN = frozenset(
    {"order.orders.insert[PENDING.status]", "order.reservations.reserve", "catalog.stock.reserve"}
)
_TAKEN = _BEGUN | {"order.orders.advance[PENDING.priced]", "order.carts.take", "cart.carts.take"}
_CHARGED = _TAKEN | {"order.payments.charge"}
_GIVEN_BACK = frozenset({"order.carts.give_back", "cart.carts.give_back"})
EFFECTS: Mapping[str, frozenset[str]] = {
    "placing": _CHARGED | {"order.orders.advance[CREATED.status]"} | set(_told("CREATED")),
    "declined": _CHARGED | _back("REJECTING", "REJECTED") | _GIVEN_BACK,
    "unanswered": frozenset({"order.payments.find"}),
    "lost": _back("REJECTING", "REJECTED") | _GIVEN_BACK | {"order.payments.find"},
    "short": _BEGUN | _GIVEN_BACK | (_back("REJECTING", "REJECTED") - {"order.payments.refund"}),
    "dearer": (_TAKEN - {"order.carts.take", "cart.carts.take"})
    | _GIVEN_BACK
    | _back("REJECTING", "REJECTED"),
    "cancelling": _back("CANCELLING", "CANCELLED"),
    "shipping": frozenset(
        {
            "order.orders.advance[PROCESSING.status]",
            "order.orders.advance[SHIPPING.status]",
            "order.reservations.ship",
            "catalog.stock.ship",
            "order.orders.advance[SHIPPING.shipped]",
            "order.orders.advance[DELIVERED.status]",
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
