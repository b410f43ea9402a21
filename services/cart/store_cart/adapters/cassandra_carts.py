"""Carts in Cassandra: a cart is one row, a change of it one read and one compare-and-set.

The row of an operation rides in the same conditional batch: it makes the operation count once, and tells what became
of a change whose answer was lost (PROTOCOLS 1 and 6).
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from store_kit.cassandra import Cassandra, Statement
from store_kit.ids import new_id
from store_kit.turns import Turns, pause_after_losing

from store_cart.adapters import cart_steps as steps
from store_cart.adapters.cart_steps import CartState, Claim, Claiming, Decide, Once
from store_cart.adapters.cassandra_cart_index import CassandraCartIndex
from store_cart.adapters.keys import owner_key
from store_cart.adapters.line_codec import decode_lines, encode_lines
from store_cart.domain import (
    Cart,
    CartSize,
    CartSummary,
    Limits,
    Line,
    LineChange,
    MergeReport,
    Operation,
    Ordered,
    Owner,
    Shown,
)

T = TypeVar("T")

_GET: Final = (
    "SELECT version, updated_ms, lines, closed_for, merging FROM carts WHERE owner = ? AND id = 'cart'"
)
_LOOK: Final = (
    "SELECT version, updated_ms, lines, closed_for, merging, id, commit_id, fingerprint, taken FROM carts"
    " WHERE owner = ? AND id IN ('cart', ?)"
)
_SUMMARY: Final = (
    "SELECT version, line_count, item_count, updated_ms FROM carts WHERE owner = ? AND id = 'cart'"
)
_CLOSED: Final = "SELECT closed_for FROM carts WHERE owner = ? AND id = 'cart'"
_COMMITTED: Final = "SELECT commit_id FROM carts WHERE owner = ? AND id = ?"
_SET: Final = (
    "UPDATE carts USING TTL ? SET version = ?, updated_ms = ?, lines = ?, closed_for = ?, merging = ?,"
    " line_count = ?, item_count = ?, commit_id = ? WHERE owner = ? AND id = 'cart' IF commit_id = ?"
)
_REMEMBER: Final = (
    "INSERT INTO carts (owner, id, fingerprint, commit_id) VALUES (?, ?, ?, ?) IF NOT EXISTS USING TTL ?"
)
_CLAIM: Final = (
    "INSERT INTO carts (owner, id, fingerprint, commit_id, taken) VALUES (?, ?, ?, ?, ?) USING TTL ?"
)
_REMEMBER_LONGER: Final = "INSERT INTO carts (owner, id, fingerprint) VALUES (?, ?, ?) USING TTL ?"

_COMMIT_TTL_S: Final = 600
"""How long a change that nobody repeats is known: far longer than its outcome is looked for."""
_DAY_S: Final = 86_400
_LONGEST_TTL_S: Final = 5 * 365 * _DAY_S
"""Cassandra 4.1 takes no row that expires after 2038."""
_TOOK: Final = "took"
_GAVE_BACK: Final = "gave back"


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a change is decided on."""

    state: CartState
    commit_id: str | None
    """The last change of the cart; None: there is no row of it."""
    fingerprint: str | None
    """What the operation came with when it was counted; None: it was not."""
    taken: bytes | None = None
    """The lines that an order took and has not given back."""

    @property
    def claim(self) -> Claim | None:
        """What the order has of the cart whose operation was looked for."""
        if self.fingerprint is None:
            return None
        return Claim(decode_lines(self.taken or encode_lines(())), self.fingerprint == _GAVE_BACK)


class CassandraCartStore:
    """The CartStore port on the cart service's keyspace.

    Args:
        db: the keyspace.
        limits: how much fits.
        guest_idle_s: how long a guest's cart lives after its last change.
    """

    def __init__(self, db: Cassandra, limits: Limits, guest_idle_s: int) -> None:
        self._db = db
        self._limits = limits
        self._guest_ttl_s = min(guest_idle_s, _LONGEST_TTL_S - 2 * _DAY_S)
        self._index = CassandraCartIndex(db)
        self._turns = Turns()

    async def read(self, owner: Owner) -> Cart:
        """Return the cart as it is now; merges that were begun and broken off are finished first."""
        state = await self._state(owner)
        if state.merging:
            await self._finish_merges(owner)
            state = await self._state(owner)
        return state.cart

    async def line(self, owner: Owner, product_id: str) -> Line | None:
        """Return one line."""
        state = await self._state(owner)
        return None if state.closed_for else state.lines.get(product_id)

    async def add(
        self, owner: Owner, line: Line, operation: Operation, if_version: Collection[int] | None = None
    ) -> LineChange:
        """Add to a line's quantity, once for each operation."""
        once = None
        if operation.repeatable:
            ttl_s = _ttl_s(operation.forget_ms - line.added_ms)
            repeated = steps.added_before(line, operation)
            once = Once(f"add:{operation.id}", ttl_s, repeated, operation.fingerprint)
        adding = steps.at_version(if_version, steps.adding(line, self._limits))
        return await self._change(owner, adding, once)

    async def put(self, owner: Owner, line: Line, if_version: Collection[int] | None = None) -> LineChange:
        """Set a line's quantity."""
        return await self._change(owner, steps.at_version(if_version, steps.putting(line, self._limits)))

    async def remove(
        self, owner: Owner, product_id: str, at_ms: int, if_version: Collection[int] | None = None
    ) -> LineChange:
        """Take a line out."""
        return await self._change(owner, steps.at_version(if_version, steps.removing(product_id, at_ms)))

    async def show(self, owner: Owner, shown: Sequence[Shown]) -> None:
        """Keep which prices the shopper is shown."""
        await self._change(owner, steps.showing(shown))

    async def replace(
        self, owner: Owner, lines: Sequence[Line], at_ms: int, if_version: Collection[int] | None = None
    ) -> CartSize:
        """Make these the only lines."""
        return await self._change(owner, steps.replacing(lines, at_ms, if_version, self._limits))

    async def subtract(
        self, user: Owner, order_id: str, ordered: Sequence[Ordered], at_ms: int, forget_ms: int
    ) -> int:
        """Take ordered quantities away, once for each order."""
        ttl_s = _ttl_s(forget_ms - at_ms)
        once = Once(f"order:{order_id}", ttl_s, lambda state, _: state.version)
        return await self._change(user, steps.subtracting(ordered, at_ms), once)

    async def take(self, user: Owner, order_id: str, version: int, at_ms: int, forget_ms: int) -> int:
        """Take all lines out for an order, if the cart is at this version."""
        return await self._claim(user, order_id, steps.taking(version, at_ms), _ttl_s(forget_ms - at_ms))

    async def give_back(self, user: Owner, order_id: str, at_ms: int, forget_ms: int) -> int:
        """Put the lines that an order took back, once."""
        return await self._claim(user, order_id, steps.giving_back(at_ms), _ttl_s(forget_ms - at_ms))

    async def merge(self, guest: Owner, user: Owner, at_ms: int, forget_ms: int) -> MergeReport:  # noqa: ARG002
        """Note the guest in the user's cart, close the guest's cart, bring its lines: each step once.

        Whoever finds the note (a repeat, the next reader) finishes what was broken off behind it. The guest is known
        for longer than the closed cart exists, whatever `forget_ms` says: a repeat after that finds nothing to bring.
        """
        once = Once(_merge_id(guest.id), self._merge_ttl_s, lambda state, _: guest.id in state.merging)
        async with self._turns.of(owner_key(user)):
            to_come = await self._change_in_turn(user, steps.beginning(guest.id, at_ms), once)
            if to_come:
                return await self._bring(user, guest.id, at_ms)
        return MergeReport((await self._state(user)).size, merged=False)

    async def is_merged(self, guest: Owner) -> bool:
        """Whether the guest's cart is closed."""
        row = await self._db.one("carts.closed", _CLOSED, (owner_key(guest),))
        return row is not None and bool(row[0])

    async def page(self, after: Owner | None, limit: int) -> list[CartSummary]:
        """Return carts by owner."""
        found: list[CartSummary] = []
        async for owners in self._index.owners(after, limit):
            summaries = await asyncio.gather(*map(self._summary, owners))
            found += [summary for summary in summaries if summary is not None]
            if len(found) >= limit:
                break
        return found[:limit]

    async def sweep(self, now_ms: int, guests_idle_since_ms: int, limit: int) -> int:  # noqa: ARG002
        """Do nothing: what nobody needs any more expires."""
        return 0

    # ------------------------------------------------------------------------------------------- merging

    async def _finish_merges(self, user: Owner) -> None:
        async with self._turns.of(owner_key(user)):
            merging = (await self._state(user)).merging
            for guest_id, at_ms in merging.items():
                await self._bring(user, guest_id, at_ms)

    async def _bring(self, user: Owner, guest_id: str, at_ms: int) -> MergeReport:
        """Close the guest's cart and put its lines into the user's, whose turn it is."""
        mine = owner_key(user)
        lines = await self._change(Owner("guest", guest_id), steps.closing(mine, at_ms))
        # The closed cart lives on from now: so must the note that its lines were brought.
        longer = (_REMEMBER_LONGER, (mine, _merge_id(guest_id), "", self._merge_ttl_s))
        bringing = steps.bringing(guest_id, lines, at_ms, self._limits)
        return await self._change_in_turn(user, bringing, also=(longer,))

    @property
    def _merge_ttl_s(self) -> int:
        return self._guest_ttl_s + _DAY_S

    # ------------------------------------------------------------------------------------------- changing

    async def _change(self, owner: Owner, decide: Decide[T], once: Once[T] | None = None) -> T:
        async with self._turns.of(owner_key(owner)):
            return await self._change_in_turn(owner, decide, once)

    async def _change_in_turn(
        self, owner: Owner, decide: Decide[T], once: Once[T] | None = None, also: Sequence[Statement] = ()
    ) -> T:
        """Read, decide, write; begin again when another process was first."""
        key, commit_id, tries = owner_key(owner), new_id(), 0
        operation: Once[Any] = once or Once(f"commit:{commit_id}", _COMMIT_TTL_S, _not_repeated)
        remember = (key, operation.id, operation.fingerprint, commit_id, operation.ttl_s)
        while True:
            seen = await self._look(owner, operation.id)
            if once is not None and seen.fingerprint is not None:
                return once.repeated(seen.state, seen.fingerprint)
            after, answer = decide(seen.state)
            if after is seen.state:
                return answer
            await self._announce(owner, seen, after)
            row = (self._ttl_of(owner), *_values(after), commit_id, key, seen.commit_id)
            if await self._applied(remember[:2], commit_id, (_SET, row), (_REMEMBER, remember), *also):
                return answer
            tries += 1
            await pause_after_losing(tries)

    async def _claim(self, user: Owner, order_id: str, decide: Claiming, ttl_s: int) -> int:
        """Read a cart and what an order has of it, decide, write both; begin again when another was first."""
        key, commit_id, tries = owner_key(user), new_id(), 0
        proof = (key, f"taken:{order_id}")
        async with self._turns.of(key):
            while True:
                seen = await self._look(user, proof[1])
                after, claim = decide(seen.state, seen.claim)
                if after is seen.state or claim is None:
                    return after.version
                await self._announce(user, seen, after)
                row = (self._ttl_of(user), *_values(after), commit_id, key, seen.commit_id)
                has = (
                    (_GAVE_BACK, commit_id, None)
                    if claim.returned
                    else (_TOOK, commit_id, encode_lines(claim.lines))
                )
                if await self._applied(proof, commit_id, (_SET, row), (_CLAIM, (*proof, *has, ttl_s))):
                    return after.version
                tries += 1
                await pause_after_losing(tries)

    async def _applied(self, proof: tuple[str, ...], commit_id: str, *statements: Statement) -> bool:
        """Write all if the cart is as it was seen; `proof` is the row that shows whose commit it was."""

        async def apply() -> bool:
            return await self._db.apply("carts.update", *statements)

        async def ours() -> bool:
            row = await self._db.one("carts.settle", _COMMITTED, proof, serial=True)
            return row is not None and row[0] == commit_id

        return await self._db.settle(apply, ours)

    def _ttl_of(self, owner: Owner) -> int:
        return self._guest_ttl_s if owner.is_guest else 0

    async def _announce(self, owner: Owner, seen: _Seen, after: CartState) -> None:
        """Put a new cart on the list first; a guest's once a day, as its place there expires."""
        is_new, today = seen.commit_id is None, after.updated_ms // (_DAY_S * 1000)
        if is_new or (owner.is_guest and today != seen.state.updated_ms // (_DAY_S * 1000)):
            # A day for the changes that follow today, one for clocks that disagree.
            await self._index.announce(owner, self._guest_ttl_s + 2 * _DAY_S if owner.is_guest else 0)

    # ------------------------------------------------------------------------------------------- reading

    async def _look(self, owner: Owner, operation_id: str) -> _Seen:
        """Return a cart, and whether an operation was counted, at one moment."""
        state, commit_id, fingerprint, taken = CartState(), None, None, None
        for row in await self._db.all("carts.look", _LOOK, (owner_key(owner), operation_id)):
            if row[5] == "cart":
                state, commit_id = _state_of(row), row[6]
            else:
                fingerprint, taken = row[7:9]
        return _Seen(state, commit_id, fingerprint, taken)

    async def _state(self, owner: Owner) -> CartState:
        row = await self._db.one("carts.get", _GET, (owner_key(owner),))
        return _state_of(row) if row else CartState()

    async def _summary(self, owner: Owner) -> CartSummary | None:
        row = await self._db.one("carts.summary", _SUMMARY, (owner_key(owner),))
        # Version 0 is a cart that was never written, though a merge into it has begun.
        return CartSummary(owner, CartSize(*row[:3]), row[3]) if row and row[0] else None


def _not_repeated(state: CartState, fingerprint: str) -> None:
    """Answer nothing: nobody else knows this operation's id."""


def _merge_id(guest_id: str) -> str:
    return f"merge:{guest_id}"


def _state_of(row: Sequence[Any]) -> CartState:
    version, updated_ms, lines, closed_for, merging = row[:5]
    by_product = {line.product_id: line for line in decode_lines(lines)}
    return CartState(version, updated_ms, by_product, closed_for, dict(merging or {}))


def _values(state: CartState) -> tuple[Any, ...]:
    """Return what a cart's row holds, in the order of the statement."""
    lines, size = encode_lines(state.lines.values()), state.size
    return (
        state.version,
        state.updated_ms,
        lines,
        state.closed_for,
        state.merging,
        size.line_count,
        size.item_count,
    )


def _ttl_s(ms: int) -> int:
    """Return whole seconds, no fewer than were asked for, within what the database takes."""
    return max(1, min(-(-ms // 1000), _LONGEST_TTL_S))
