"""What is kept for an order: a row under compare-and-set on its version, changed step by step.

Whoever finds a reservation in a passing state can go on from there. An attempt that was short is withdrawn, and the
order may try again: holds and markers are those of an attempt (`ref`), so that a late hold of the first one cannot
pass as one of the second.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec
from store_kit.cassandra import Cassandra, DatabaseOutcomeUnknown
from store_kit.clock import Clock

from store_catalog.domain import OrderId, ReservationState, ReservedLine

_GET: Final = "SELECT state, attempt, version, updated_ms, lines FROM reservations WHERE order_id = ?"
_CHANGE: Final = (
    "UPDATE reservations USING TTL ? SET state = ?, attempt = ?, version = ?, updated_ms = ?, lines = ?"
    " WHERE order_id = ? IF version = ?"
)
_KeptLine = tuple[str, str | None, str, int, int]
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(list[_KeptLine]).decode


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


_ENDED: Final = (State.WITHDRAWN, State.RELEASED, State.SHIPPED)
PASSING: Final = (State.HOLDING, State.WITHDRAWING, State.RELEASING, State.SHIPPING)


@dataclass(frozen=True, slots=True)
class Kept:
    """A reservation at a version; names and prices of its lines are there from HELD on."""

    order_id: OrderId
    state: State
    attempt: int
    version: int
    updated_ms: int
    lines: tuple[ReservedLine, ...]

    @property
    def ref(self) -> str:
        """By which name its holds and markers go."""
        return f"{self.order_id}/{self.attempt}"


def order_of(ref: str) -> OrderId:
    """Return the order that a hold belongs to."""
    return ref.rpartition("/")[0]


class Reservations:
    """The rows.

    Args:
        db: the keyspace.
        clock: stamps changes.
        keep_s: how long an end is remembered.
    """

    def __init__(self, db: Cassandra, clock: Clock, keep_s: int) -> None:
        self._db = db
        self._clock = clock
        self._keep_s = keep_s

    async def find(self, order_id: OrderId, *, serial: bool = False) -> Kept | None:
        """Return what is kept for an order; `serial`: half-done changes are ended first."""
        row = await self._db.one("reservations.get", _GET, (order_id,), serial=serial)
        if row is None or row[0] is None:
            return None
        state, attempt, version, updated_ms, encoded = row
        lines = tuple([ReservedLine(*line) for line in _decode(encoded)]) if encoded else ()
        return Kept(order_id, State(state), attempt, version, updated_ms, lines)

    async def open(
        self, order_id: OrderId, before: Kept | None, lines: tuple[ReservedLine, ...]
    ) -> Kept | None:
        """Begin an attempt, the first one if there is nothing yet; None if that is (probably) not so any more."""
        attempt, version = (before.attempt, before.version) if before else (0, 0)
        return await self._write(
            Kept(order_id, State.HOLDING, attempt + 1, version + 1, self._clock.now_ms(), lines), version
        )

    async def refuse(self, order_id: OrderId) -> Kept | None:
        """Note an order that was cancelled before anything was kept for it; None if something is."""
        return await self._write(Kept(order_id, State.RELEASED, 0, 1, self._clock.now_ms(), ()), 0)

    async def move(self, kept: Kept, to: State, lines: tuple[ReservedLine, ...] | None = None) -> Kept | None:
        """Take a reservation a step further; None if it is (probably) not at this version any more.

        Either way whoever reads it again can go on: every step leads to the same end, whoever makes it.
        """
        after = kept.lines if lines is None else lines
        moved = Kept(
            kept.order_id,
            to,
            kept.attempt,
            kept.version + 1,
            self._clock.now_ms(),
            () if to in _ENDED else after,
        )
        return await self._write(moved, kept.version)

    async def _write(self, kept: Kept, version: int) -> Kept | None:
        ttl = self._keep_s if kept.state in _ENDED else 0
        lines = _encode([_values(line) for line in kept.lines]) if kept.lines else None
        after = (ttl, kept.state, kept.attempt, kept.version, kept.updated_ms, lines)
        try:
            applied = await self._db.apply(
                "reservations.move", (_CHANGE, (*after, kept.order_id, version or None))
            )
        except DatabaseOutcomeUnknown:
            return None
        return kept if applied else None


def _values(line: ReservedLine) -> _KeptLine:
    return line.product_id, line.sku, line.name, line.quantity, line.unit_price_minor
