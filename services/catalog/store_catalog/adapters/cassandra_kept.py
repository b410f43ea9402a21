"""What is kept for an order, and every step that it can take; pure.

Whoever finds a reservation in a passing state can go on from there. An attempt that was short is withdrawn, and the
order may try again: holds and markers are those of an attempt (`ref`), so that a late hold of the first one cannot
pass as one of the second.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from store_catalog.domain import OrderId, ReservationState, ReservedLine, refuse_end, refuse_late


class State(StrEnum):
    """Where a reservation is: the domain's states, and two for an attempt that was short or came too late."""

    HOLDING = "HOLDING"
    HELD = "HELD"
    WITHDRAWING = "WITHDRAWING"
    WITHDRAWN = "WITHDRAWN"
    RELEASING = "RELEASING"
    RELEASED = "RELEASED"
    SHIPPING = "SHIPPING"
    SHIPPED = "SHIPPED"

    @property
    def meaning(self) -> ReservationState | None:
        """What the domain knows it as; None when the order has no reservation (any more)."""
        if self is State.WITHDRAWN:
            return None
        return ReservationState.RELEASING if self is State.WITHDRAWING else ReservationState(self)

    @property
    def passing(self) -> bool:
        """Whether somebody has to take it further."""
        return self in (State.HOLDING, State.WITHDRAWING, State.RELEASING, State.SHIPPING)

    @property
    def ended(self) -> bool:
        """Whether nothing is held any more."""
        return self in (State.WITHDRAWN, State.RELEASED, State.SHIPPED)


@dataclass(frozen=True, slots=True)
class Kept:
    """A reservation at a version; names and prices of its lines are there from HELD on."""

    order_id: OrderId
    state: State
    attempt: int
    version: int
    updated_ms: int
    lines: tuple[ReservedLine, ...] = ()

    @property
    def ref(self) -> str:
        """By which name its holds and markers go."""
        return f"{self.order_id}/{self.attempt}"

    def moved(self, to: State, now_ms: int, lines: tuple[ReservedLine, ...] | None = None) -> "Kept":
        """Return it at its next version; what has ended has no lines."""
        after = () if to.ended else self.lines if lines is None else lines
        return replace(self, state=to, version=self.version + 1, updated_ms=now_ms, lines=after)


def order_of(ref: str) -> OrderId:
    """Return the order that a hold belongs to."""
    return ref.rpartition("/")[0]


_BEFORE: Final = {State.RELEASED: State.RELEASING, State.SHIPPED: State.SHIPPING}
Turn = Callable[[Kept | None, int], Kept | None]
"""Given what is kept and the time, returns what will be kept: the very same when nothing is to change."""


def opening(order_id: OrderId, lines: tuple[ReservedLine, ...], until_ms: int) -> Turn:
    """Begin an attempt, if there is none that stands; it raises ReservationExpired when that is too late."""

    def turn(found: Kept | None, now_ms: int) -> Kept | None:
        if found is not None and found.state is not State.WITHDRAWN:
            return found
        refuse_late(now_ms, until_ms)
        before = found or Kept(order_id, State.WITHDRAWN, 0, 0, now_ms)
        return replace(before, attempt=before.attempt + 1).moved(State.HOLDING, now_ms, lines)

    return turn


def moving(attempt: int, step: tuple[State, State], lines: tuple[ReservedLine, ...] | None = None) -> Turn:
    """Take an attempt from one state to another; any other attempt or state stays."""

    def turn(found: Kept | None, now_ms: int) -> Kept | None:
        if found is None or (found.attempt, found.state) != (attempt, step[0]):
            return found
        return found.moved(step[1], now_ms, lines)

    return turn


def ending(end: State) -> Turn:
    """Begin to release or to ship what is kept; it raises when that cannot be (see `refuse_end`)."""
    passing = _BEFORE[end]

    def turn(found: Kept | None, now_ms: int) -> Kept | None:
        if found is None or found.state in (passing, end):
            return found
        refuse_end(found.state.meaning, ReservationState(end))
        return found.moved(passing, now_ms)

    return turn


def abandoning(older_than_ms: int) -> Turn:
    """Begin to release an attempt that has been passing through since before a time, unless it ships."""

    def turn(found: Kept | None, now_ms: int) -> Kept | None:
        if found is None or found.state not in (State.HOLDING, State.WITHDRAWING):
            return found
        return found.moved(State.RELEASING, now_ms) if found.updated_ms < older_than_ms else found

    return turn


def refusing(order_id: OrderId) -> Turn:
    """Begin to release an order for which nothing is kept."""

    def turn(found: Kept | None, now_ms: int) -> Kept | None:
        return found or Kept(order_id, State.RELEASING, 0, 1, now_ms)

    return turn


def leaving(found: Kept | None, _now_ms: int) -> Kept | None:
    """Change nothing: only look."""
    return found
