"""What each change makes of a cart, without a database: for stores that read, decide here and write back."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from store_kit.problems import PreconditionFailed

from store_cart.domain import (
    Cart,
    CartChanged,
    CartMerged,
    CartSize,
    Limits,
    Line,
    LineChange,
    MergeReport,
    Operation,
    Ordered,
    Shown,
    plan_merge,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CartState:
    """A cart as a store keeps it."""

    version: int = 0
    updated_ms: int = 0
    lines: Mapping[str, Line] = field(default_factory=dict)
    closed_for: str = ""
    """A guest's cart: the account that its lines go to. It is closed then, and empty for everybody else."""
    merging: Mapping[str, int] = field(default_factory=dict)
    """An account's cart: guests whose lines are still to come, and when each merge was asked for."""

    @property
    def cart(self) -> Cart:
        """The cart as its owner sees it."""
        return Cart(self.version, () if self.closed_for else list(self.lines.values()) or ())

    @property
    def size(self) -> CartSize:
        """The cart in three numbers."""
        return self.cart.size

    def with_lines(self, lines: Mapping[str, Line], at_ms: int) -> "CartState":
        """Return the next version.

        Raises:
            CartMerged: the cart is closed.
        """
        if self.closed_for:
            raise CartMerged("This guest's cart was merged into an account; continue without its Cart-Token.")
        return replace(
            self, version=self.version + 1, updated_ms=max(at_ms, self.updated_ms), lines=dict(lines)
        )


Decide = Callable[[CartState], tuple[CartState, T]]
"""Returns the next state (the same one when there is nothing to write) and what to answer; raises to refuse."""


@dataclass(frozen=True, slots=True)
class Once(Generic[T]):
    """What makes a change count once."""

    id: str
    ttl_s: int
    """How long it is known."""
    repeated: Callable[[CartState, str], T]
    """What to answer when it is known already, given the fingerprint it came with first."""
    fingerprint: str = ""


def at_version(if_version: Collection[int] | None, decide: Decide[T]) -> Decide[T]:
    """Decide only on a cart that is at one of these versions."""
    if if_version is None:
        return decide

    def only_then(state: CartState) -> tuple[CartState, T]:
        check_version(state.version, if_version)
        return decide(state)

    return only_then


def check_version(version: int, if_version: Collection[int] | None) -> None:
    """Pass a cart that is at one of the versions that the caller has seen.

    Raises:
        PreconditionFailed: it is not.
    """
    if if_version is not None and version not in if_version:
        raise PreconditionFailed(
            f"The cart is at version {version} now; read it again and repeat the change."
        )


def adding(line: Line, limits: Limits) -> Decide[LineChange]:
    """Add to a line; the place in the cart is the first, the price seen the last."""

    def decide(state: CartState) -> tuple[CartState, LineChange]:
        present = state.lines.get(line.product_id)
        if present is None:
            return _with_line(state, _since_now(state, line), limits, line.added_ms)
        more = line._replace(
            quantity=line.quantity + present.quantity, added_ms=present.added_ms, since=present.since
        )
        return _with_line(state, more, limits, line.added_ms)

    return decide


def added_before(line: Line, operation: Operation) -> Callable[[CartState, str], LineChange]:
    """Answer a repeated add by what is there."""

    def repeated(state: CartState, fingerprint: str) -> LineChange:
        operation.must_repeat(fingerprint)
        present = state.lines.get(line.product_id)
        quantity, shown_minor = (present.quantity, present.last_shown_minor) if present else (0, None)
        return LineChange(line.product_id, quantity, state.size, applied=False, unit_price_minor=shown_minor)

    return repeated


def putting(line: Line, limits: Limits) -> Decide[LineChange]:
    """Set a line's quantity."""
    return lambda state: _with_line(state, _set(state, line), limits, line.added_ms)


def removing(product_id: str, at_ms: int) -> Decide[LineChange]:
    """Take a line out."""

    def decide(state: CartState) -> tuple[CartState, LineChange]:
        if product_id not in state.lines or state.closed_for:
            return state, LineChange(product_id, 0, state.size, applied=False)
        after = state.with_lines({k: line for k, line in state.lines.items() if k != product_id}, at_ms)
        return after, LineChange(product_id, 0, after.size)

    return decide


def replacing(
    lines: Sequence[Line], at_ms: int, if_version: Collection[int] | None, limits: Limits
) -> Decide[CartSize]:
    """Make these the only lines."""

    def decide(state: CartState) -> tuple[CartState, CartSize]:
        check_version(state.version, if_version)
        limits.check_lines(len(lines))
        for line in lines:
            limits.check_quantity(line.product_id, line.quantity)
        after = state.with_lines({line.product_id: _set(state, line) for line in lines}, at_ms)
        return after, after.size

    return decide


def subtracting(ordered: Sequence[Ordered], at_ms: int) -> Decide[int]:
    """Take ordered quantities away; what was ordered whole is gone. It is a new version even so."""

    def decide(state: CartState) -> tuple[CartState, int]:
        taken = {
            one.product_id: one.quantity
            for one in ordered
            if one.product_id in state.lines and one.is_of(state.lines[one.product_id])
        }
        left = {
            key: line._replace(quantity=line.quantity - taken.get(key, 0))
            for key, line in state.lines.items()
            if line.quantity > taken.get(key, 0)
        }
        after = state.with_lines(left, at_ms)
        return after, after.version

    return decide


def showing(shown: Sequence[Shown]) -> Decide[None]:
    """Note prices that the shopper is shown; it is no new version."""

    def decide(state: CartState) -> tuple[CartState, None]:
        there = [one for one in shown if one.product_id in state.lines]
        seen = {one.product_id: state.lines[one.product_id].showing(one) for one in there}
        return (replace(state, lines={**state.lines, **seen}) if seen else state), None

    return decide


@dataclass(frozen=True, slots=True)
class Claim:
    """What an order has of a cart: the lines that it took, or that it gave back and takes nothing any more."""

    lines: Sequence[Line] = ()
    returned: bool = False


Claiming = Callable[[CartState, Claim | None], tuple[CartState, Claim | None]]
"""Returns the next state and claim of an order; the same state when there is nothing to write; raises to refuse."""


def taking(version: int, at_ms: int) -> Claiming:
    """Take all lines of a cart that is at this version."""

    def decide(state: CartState, claim: Claim | None) -> tuple[CartState, Claim | None]:
        check_takes(claim)
        if claim is not None:
            return state, claim
        check_taken_at(state.version, version)
        return state.with_lines({}, at_ms), Claim(list(state.lines.values()))

    return decide


def check_takes(claim: Claim | None) -> None:
    """Pass an order that has not given back what it took.

    Raises:
        CartChanged: it has.
    """
    if claim is not None and claim.returned:
        raise CartChanged("This order was turned back and has given its lines back to the cart.")


def check_taken_at(version: int, wanted: int) -> None:
    """Pass a cart that is at the version that an order read.

    Raises:
        CartChanged: it is not.
    """
    if version != wanted:
        raise CartChanged(f"The cart is at version {version} now, no longer at {wanted}.")


def giving_back(at_ms: int) -> Claiming:
    """Put lines back that an order took; one that took nothing is kept from taking anything later."""

    def decide(state: CartState, claim: Claim | None) -> tuple[CartState, Claim | None]:
        if claim is not None and claim.returned:
            return state, claim
        if claim is None:
            return replace(state), Claim(returned=True)  # written, so that a late taking loses its race
        back = {line.product_id: joined(line, state.lines.get(line.product_id)) for line in claim.lines}
        return state.with_lines({**state.lines, **back}, at_ms), Claim(returned=True)

    return decide


def joined(back: Line, present: Line | None) -> Line:
    """Return the line that comes of one that is given back and what was put in its place meanwhile."""
    return back if present is None else present._replace(quantity=present.quantity + back.quantity)


def beginning(guest_id: str, at_ms: int) -> Decide[bool]:
    """Note in an account's cart that a guest's lines are to come."""
    return lambda state: (replace(state, merging={**state.merging, guest_id: at_ms}), True)


def closing(user: str, at_ms: int) -> Decide[Sequence[Line]]:
    """Close a guest's cart in favour of an account; answer which lines go there. They stay, for a repeat."""

    def decide(state: CartState) -> tuple[CartState, Sequence[Line]]:
        after = state
        if not state.closed_for:
            after = replace(state.with_lines(state.lines, at_ms), closed_for=user)
        return after, list(after.lines.values()) if after.closed_for == user else ()

    return decide


def bringing(guest_id: str, lines: Sequence[Line], at_ms: int, limits: Limits) -> Decide[MergeReport]:
    """Add a guest's lines as far as they fit, if they are still to come."""

    def decide(state: CartState) -> tuple[CartState, MergeReport]:
        if guest_id not in state.merging:
            return state, MergeReport(state.size, merged=False)
        fits = plan_merge(state.lines.values(), lines, limits)
        after = replace(state, merging={g: ms for g, ms in state.merging.items() if g != guest_id})
        if fits.changed:
            changed = {
                line.product_id: line if line.product_id in state.lines else _since_now(state, line)
                for line in fits.changed
            }
            after = after.with_lines({**state.lines, **changed}, at_ms)
        return after, MergeReport(after.size, True, fits.capped, fits.left_out)

    return decide


def _set(state: CartState, line: Line) -> Line:
    """Return a line with its new quantity, and for the rest as it is in the cart if it is there."""
    present = state.lines.get(line.product_id)
    if present is not None:
        line = present._replace(quantity=line.quantity, shown_minor=line.shown_minor)
    return _since_now(state, line)


def _since_now(state: CartState, line: Line) -> Line:
    """Return the line as one that begins with the next version."""
    return line._replace(since=state.version + 1)


def _with_line(state: CartState, line: Line, limits: Limits, at_ms: int) -> tuple[CartState, LineChange]:
    limits.check_quantity(line.product_id, line.quantity)
    after = state.with_lines({**state.lines, line.product_id: line}, at_ms)
    limits.check_lines(len(after.lines))
    return after, LineChange(
        line.product_id, line.quantity, after.size, unit_price_minor=line.last_shown_minor
    )
