"""Carts in Cassandra: a cart is one row, a change of it one compare-and-set.

The row of an operation rides in the same conditional batch: it makes the operation count once, and tells what became
of a change whose answer was lost (docs/protocols.md, Carts). A process remembers carts that it has read or written and
decides by them without reading, unless another process has changed them lately. If another one has done so meanwhile,
or the operation was counted, the batch is not applied; then, and for whatever sets no condition, the cart is read.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from cachetools import LRUCache
from store_kit.cassandra.keyed_lock import Contention, KeyedLock
from store_kit.cassandra.keyspace import Cassandra, RowProof, Statement
from store_kit.ids import new_id
from store_kit.problems import Problem, in_doubt

from store_cart.adapters.cassandra.cart_index import CassandraCartIndex
from store_cart.adapters.row_values import decode_lines, encode_lines, owner_key
from store_cart.domain import (
    Cart,
    CartSize,
    CartState,
    CartSummary,
    Change,
    Claim,
    Limits,
    Line,
    MergeReport,
    Owner,
    begin_merge,
    bring_lines,
    close_cart,
    merge_id,
)

T = TypeVar("T")

_GET: Final = (
    "SELECT version, updated_ms, lines, closed_for, merging, commit_id FROM carts"
    " WHERE owner = ? AND id = 'cart'"
)
_LOOK: Final = (
    "SELECT version, updated_ms, lines, closed_for, merging, commit_id, id, fingerprint, taken FROM carts"
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
_CLAIM_FIRST: Final = (
    "INSERT INTO carts (owner, id, fingerprint, commit_id, taken) VALUES (?, ?, ?, ?, ?)"
    " IF NOT EXISTS USING TTL ?"
)
_REMEMBER_LONGER: Final = "INSERT INTO carts (owner, id, fingerprint) VALUES (?, ?, ?) USING TTL ?"

_COMMIT_TTL_S: Final = 600
"""How long a change without a key is known: far longer than its outcome is looked for."""
_DAY_S: Final = 86_400
_LONGEST_TTL_S: Final = 5 * 365 * _DAY_S
"""Cassandra 4.1 takes no row that expires after 2038."""
_LINES_REMEMBERED: Final = 10_000
"""Lines in all carts that a process remembers, 4 MB; a cart counts as one more."""
_TOOK: Final = "took"
_GAVE_BACK: Final = "gave back"


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a change is decided on."""

    state: CartState
    commit_id: str | None
    """The last change of the cart; None: it has no row."""
    fingerprint: str | None = None
    """What the operation came with when it was counted; None: it was not, as far as is known."""
    remembered: bool = False
    """Whether it may be out of date, and nothing is known of the operation."""
    alone: bool = True
    """Whether, as far as is known, no other process changes this cart as well."""


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
        self._turns = KeyedLock()
        self._known: LRUCache[str, _Seen] = LRUCache(_LINES_REMEMBERED, getsizeof=_size)

    async def read_cart(self, owner: Owner) -> Cart:
        """Return the cart as it is now; merges that were begun and broken off are finished first."""
        state = await self._state(owner)
        if state.merging:
            await self._finish_merges(owner)
            state = await self._state(owner)
        return state.cart

    async def find_line(self, owner: Owner, product_id: str) -> Line | None:
        """Return one line."""
        state = await self._state(owner)
        return None if state.closed_for else state.lines.get(product_id)

    async def change_cart(self, owner: Owner, change: Change[T]) -> T:
        """Read, decide and write, one after the other in this process."""
        async with self._turns.of(owner_key(owner)):
            return await self._change_in_turn(owner, change)

    async def merge_carts(self, guest: Owner, user: Owner, at_ms: int, remember_ms: int) -> MergeReport:  # noqa: ARG002
        """Note the guest in the user's cart, close the guest's cart, bring its lines: each step once.

        A repeat or the next reader that finds the note finishes what was broken off. The guest is known
        for longer than the closed cart exists, whatever `remember_ms` says: a repeat after that finds nothing to bring.
        """
        async with self._turns.of(owner_key(user)):
            if await self._change_in_turn(user, begin_merge(guest.id, at_ms, self._merge_ttl_s * 1000)):
                with in_doubt():  # noted: if not by us, it is finished by the next reader
                    return await self._bring(user, guest.id, at_ms)
        return MergeReport((await self._state(user)).size, merged=False)

    async def is_cart_merged(self, guest: Owner) -> bool:
        """Whether the guest's cart is closed."""
        row = await self._db.one("carts.closed", _CLOSED, (owner_key(guest),))
        return row is not None and bool(row[0])

    async def list_carts(self, after: Owner | None, limit: int) -> list[CartSummary]:
        """Return carts by owner."""
        found: list[CartSummary] = []
        async for owners in self._index.owners(after, limit):
            summaries = await asyncio.gather(*map(self._summary, owners))
            found += [summary for summary in summaries if summary is not None]
            if len(found) >= limit:
                break
        return found[:limit]

    async def sweep_carts(self, now_ms: int, guests_idle_since_ms: int, limit: int) -> int:  # noqa: ARG002
        """Do nothing: what is no longer needed expires."""
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
        lines = await self.change_cart(Owner("guest", guest_id), close_cart(mine, at_ms))
        # The closed cart lives on from now: so must the note that its lines were brought.
        longer = (_REMEMBER_LONGER, (mine, merge_id(guest_id), "", self._merge_ttl_s))
        return await self._change_in_turn(user, bring_lines(guest_id, lines, at_ms), also=(longer,))

    @property
    def _merge_ttl_s(self) -> int:
        return self._guest_ttl_s + _DAY_S

    # ------------------------------------------------------------------------------------------- changing

    async def _change_in_turn(self, owner: Owner, change: Change[T], also: Sequence[Statement] = ()) -> T:
        """Decide and write; begin again with a read when memory was not enough, or another process was first."""
        key, commit_id, contention = owner_key(owner), new_id(), Contention()
        proof = (key, _operation_id(change) or f"commit:{commit_id}")
        known = self._known.pop(key, None)
        seen = known if known and _may_decide(change, known) else await self._look(key, proof[1])
        while True:
            if change.once is not None and seen.fingerprint is not None:
                return change.once.repeated(seen.state, seen.fingerprint)
            decided = _decide(change, seen)
            if decided is not None:
                after, answer = decided
                if after is seen.state:
                    return answer
                await self._announce(owner, seen, after)
                row = (self._ttl_of(owner), *_values(after), commit_id, key, seen.commit_id)
                operation = _operation(change, after.claim, proof, commit_id, first=seen.remembered)
                if await self._applied(proof, commit_id, (_SET, row), operation, *also):
                    alone = known is None or known.commit_id == seen.commit_id
                    self._keep(
                        key, _Seen(after._replace(claim=None), commit_id, remembered=True, alone=alone)
                    )
                    return answer
                if not seen.remembered:
                    await contention.lost()
            seen = await self._look(key, proof[1])

    def _remember(self, key: str, state: CartState, commit_id: str) -> None:
        """Keep a cart as it was read, unless a later version of it is known."""
        known = self._known.get(key)
        if known is None or known.state.version <= state.version:
            alone = known is None or known.commit_id == commit_id
            self._keep(key, _Seen(state, commit_id, remembered=True, alone=alone))

    def _keep(self, key: str, seen: _Seen) -> None:
        """Remember a cart unless it is larger than all that is remembered: lines given back pass every limit."""
        if _size(seen) > self._known.maxsize:
            self._known.pop(key, None)
        else:
            self._known[key] = seen

    async def _applied(self, proof: tuple[str, ...], commit_id: str, *statements: Statement) -> bool:
        """Write all if the cart is as it was seen; `proof` is the row that shows whose commit it was."""
        is_ours = RowProof(
            "carts.settle", _COMMITTED, proof, lambda row: row is not None and row[0] == commit_id
        )
        return await self._db.apply_and_resolve("carts.update", *statements, proof=is_ours)

    def _ttl_of(self, owner: Owner) -> int:
        return self._guest_ttl_s if owner.is_guest else 0

    async def _announce(self, owner: Owner, seen: _Seen, after: CartState) -> None:
        """Put a new cart on the list first; a guest's once a day, as its place there expires."""
        is_new, today = seen.commit_id is None, after.updated_at_ms // (_DAY_S * 1000)
        if is_new or (owner.is_guest and today != seen.state.updated_at_ms // (_DAY_S * 1000)):
            # A day for the changes that follow today, one for clocks that disagree.
            await self._index.announce(owner, self._guest_ttl_s + 2 * _DAY_S if owner.is_guest else 0)

    # ------------------------------------------------------------------------------------------- reading

    async def _look(self, key: str, operation_id: str) -> _Seen:
        """Return a cart, and whether an operation was counted, by one read."""
        state, commit_id, fingerprint, claim = CartState(self._limits), None, None, None
        for row in await self._db.all("carts.look", _LOOK, (key, operation_id)):
            if row[6] == "cart":
                state, commit_id = self._state_of(row), row[5]
            else:
                fingerprint, taken = row[7:9]
                claim = Claim(decode_lines(taken) if taken else (), fingerprint == _GAVE_BACK)
        return _Seen(state._replace(claim=claim), commit_id, fingerprint)

    async def _state(self, owner: Owner) -> CartState:
        key = owner_key(owner)
        row = await self._db.one("carts.get", _GET, (key,))
        if row is None:
            return CartState(self._limits)
        state = self._state_of(row)
        self._remember(key, state, row[5])
        return state

    def _state_of(self, row: Sequence[Any]) -> CartState:
        version, updated_at_ms, lines, closed_for, merging = row[:5]
        by_product = {line.product_id: line for line in decode_lines(lines)}
        return CartState(
            *(self._limits, version, updated_at_ms, by_product), closed_for=closed_for, merging=merging or {}
        )

    async def _summary(self, owner: Owner) -> CartSummary | None:
        row = await self._db.one("carts.summary", _SUMMARY, (owner_key(owner),))
        # Version 0 is a cart that was never written, though a merge into it has begun.
        return CartSummary(owner, CartSize(*row[:3]), row[3]) if row and row[0] else None


def _size(seen: _Seen) -> int:
    return len(seen.state.lines) + 1


def _may_decide(change: Change[Any], known: _Seen) -> bool:
    """Whether what is remembered of a cart is worth trying.

    Where processes take turns at a cart it hardly ever is: a try that is not applied costs more than a read.
    """
    return known.alone and (change.claim_of is None or change.claim_of.first)


def _decide(change: Change[T], seen: _Seen) -> tuple[CartState, T] | None:
    """Return what a change makes of a cart; None when that sets no condition and rests on memory alone.

    Raises:
        Problem: it is refused, by a cart that was read just now.
    """
    try:
        decided = change.on(seen.state)
    except Problem:
        if seen.remembered:
            return None
        raise
    return None if seen.remembered and decided[0] is seen.state else decided


def _operation_id(change: Change[Any]) -> str | None:
    """Return under which name a change is known; None when it is not repeated."""
    if change.claim_of is not None:
        return f"taken:{change.claim_of.order_id}"
    return None if change.once is None else change.once.id


def _operation(
    change: Change[Any], claim: Claim | None, proof: tuple[str, str], commit_id: str, *, first: bool
) -> Statement:
    """Return what writes the row that makes a change count once and proves whose commit it was.

    `first`: nobody has looked whether the order has been here before, so the row must not exist.
    """
    if change.claim_of is not None and claim is not None:
        has = (
            (_GAVE_BACK, commit_id, None) if claim.returned else (_TOOK, commit_id, encode_lines(claim.lines))
        )
        cql = _CLAIM_FIRST if first else _CLAIM
        return cql, (*proof, *has, _ttl_s(change.claim_of.remember_ms))
    if change.once is not None:
        return _REMEMBER, (*proof, change.once.fingerprint, commit_id, _ttl_s(change.once.remember_ms))
    return _REMEMBER, (*proof, "", commit_id, _COMMIT_TTL_S)


def _values(state: CartState) -> tuple[Any, ...]:
    """Return what a cart's row holds, in the order of the statement."""
    lines, size = encode_lines(state.lines.values()), state.size
    return (
        state.version,
        state.updated_at_ms,
        lines,
        state.closed_for,
        state.merging,
        size.line_count,
        size.item_count,
    )


def _ttl_s(ms: int) -> int:
    """Return whole seconds, no fewer than were asked for, within what the database takes."""
    return max(1, min(-(-ms // 1000), _LONGEST_TTL_S))
