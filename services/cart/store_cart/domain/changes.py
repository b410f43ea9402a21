"""Changes of a cart. Each one decides on the cart as it is now; stores only read the cart and write the result."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from store_kit.problems import PreconditionFailed

from store_cart.domain.carts import CartSize, CartState, Line, LineChange, Shown
from store_cart.problems import KeyReused

T = TypeVar("T")
Versions = frozenset[int] | None
"""The versions at which a change is allowed; None: at any."""
Decide = Callable[[CartState], tuple[CartState, T]]
"""Returns the next state (the same object when there is nothing to write) and the answer; raises to refuse."""


class Once(NamedTuple, Generic[T]):
    """Makes a change count once."""

    id: str
    at_ms: int
    remember_ms: int
    """How long it is known."""
    repeated: Callable[[CartState, str], T]
    """What to answer when it is known already, given the fingerprint that it came with first."""
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class OrderClaim:
    """Names the order whose claim to the cart a change reads and writes."""

    order_id: str
    at_ms: int
    remember_ms: int
    """How long the claim is known."""
    first: bool = False
    """Whether it is probably the order's first, so that a store may try without looking for an earlier one."""


class Change(NamedTuple, Generic[T]):
    """One change of one cart."""

    name: str
    """Its name in the metrics of database operations."""
    decide: Decide[T]
    versions: Versions = None
    once: Once[T] | None = None
    claim_of: OrderClaim | None = None
    product_id: str | None = None
    """The only product whose line it touches, so that other lines need not be read. None: it may touch any line."""

    def on(self, state: CartState) -> tuple[CartState, T]:
        """Decide on a cart.

        Raises:
            PreconditionFailed: it is at none of the versions.
        """
        if self.versions is not None:
            check_version(state.version, self.versions)
        return self.decide(state)


def check_version(version: int, versions: Collection[int]) -> None:
    """Pass a cart that has one of the versions.

    Raises:
        PreconditionFailed: it has none of them.
    """
    if version not in versions:
        raise PreconditionFailed(
            f"The cart is at version {version} now; read it again and repeat the change."
        )


def add_units(
    line: Line, versions: Versions = None, *, key: str | None = None, remember_ms: int = 0
) -> Change[LineChange]:
    """Add units to a line. It keeps its place in the cart and takes the new price. A key counts once."""
    product_id, at_ms = line.product_id, line.added_at_ms

    def decide(state: CartState) -> tuple[CartState, LineChange]:
        present = state.lines.get(product_id)
        if present is None:
            return state.with_line(since_now(state, line), at_ms)
        quantity = line.quantity + present.quantity
        more = line._replace(quantity=quantity, added_at_ms=present.added_at_ms, since=present.since)
        return state.with_line(more, at_ms)

    once = None if key is None else _once_for_key(line, key, remember_ms)
    return Change("lines.add", decide, versions, once, product_id=product_id)


def _once_for_key(line: Line, key: str, remember_ms: int) -> Once[LineChange]:
    asked = f"{line.product_id} {line.quantity}"

    def repeated(state: CartState, fingerprint: str) -> LineChange:
        if fingerprint != asked:
            raise KeyReused(
                "This Idempotency-Key came with another product or quantity before; use a new key."
            )
        return _nothing_done(state, line.product_id)

    return Once(f"add:{key}", line.added_at_ms, remember_ms, repeated, asked)


def set_units(line: Line, versions: Versions = None) -> Change[LineChange]:
    """Set a line's quantity and the price shown; a line that is there keeps its price when added."""

    def decide(state: CartState) -> tuple[CartState, LineChange]:
        return state.with_line(_set(state, line), line.added_at_ms)

    return Change("lines.put", decide, versions, product_id=line.product_id)


def remove_line(product_id: str, at_ms: int, versions: Versions = None) -> Change[LineChange]:
    """Take a line out; nothing changes when it is not there."""

    def decide(state: CartState) -> tuple[CartState, LineChange]:
        if product_id not in state.lines or state.closed_for:
            return state, LineChange(product_id, 0, state.size, applied=False)
        left = {key: line for key, line in state.lines.items() if key != product_id}
        after = state.with_lines(left, at_ms)
        return after, LineChange(product_id, 0, after.size)

    return Change("lines.remove", decide, versions, product_id=product_id)


def replace_lines(lines: Sequence[Line], at_ms: int, versions: Versions = None) -> Change[CartSize]:
    """Make these the only lines; those that stay keep their price when added."""

    def decide(state: CartState) -> tuple[CartState, CartSize]:
        state.limits.check_lines(len(lines))
        for line in lines:
            state.limits.check_quantity(line.product_id, line.quantity)
        after = state.with_lines({line.product_id: _set(state, line) for line in lines}, at_ms)
        return after, after.size

    return Change("lines.replace", decide, versions)


def show_prices(shown: Sequence[Shown]) -> Change[None]:
    """Note which prices the shopper is shown, without a new version. Lines that are gone are skipped."""

    def decide(state: CartState) -> tuple[CartState, None]:
        there = [one for one in shown if one.product_id in state.lines]
        seen = {one.product_id: state.lines[one.product_id].showing(one) for one in there}
        return (state._replace(lines={**state.lines, **seen}) if seen else state), None

    return Change("lines.show", decide)


def since_now(state: CartState, line: Line) -> Line:
    """Return the line as put into the cart at its next version."""
    return line._replace(since=state.version + 1)


def _set(state: CartState, line: Line) -> Line:
    """Return a line with its new quantity; the rest stays as it is in the cart, if it is there."""
    present = state.lines.get(line.product_id)
    if present is not None:
        line = present._replace(quantity=line.quantity, shown_minor=line.shown_minor)
    return since_now(state, line)


def _nothing_done(state: CartState, product_id: str) -> LineChange:
    present = state.lines.get(product_id)
    quantity, shown_minor = (present.quantity, present.last_shown_minor) if present else (0, None)
    return LineChange(product_id, quantity, state.size, applied=False, unit_price_minor=shown_minor)
