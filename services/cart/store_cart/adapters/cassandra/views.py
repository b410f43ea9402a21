"""What shoppers looked at, in Cassandra: one value for each shopper, replaced by compare-and-set.

What became of a write whose answer was lost is found out by looking whether the view is there.
"""

from collections.abc import Callable
from typing import Final

import msgspec
from store_kit.cassandra.keyed_lock import Contention, KeyedLock
from store_kit.cassandra.keyspace import Cassandra, Row, RowProof

from store_cart.adapters.row_values import owner_key
from store_cart.domain import RECENT_LIMIT, Owner, View

_GET: Final = "SELECT version, views FROM recently_viewed WHERE owner = ?"
_SET: Final = "UPDATE recently_viewed USING TTL ? SET version = ?, views = ? WHERE owner = ? IF version = ?"
_Views = dict[str, int]
"""When each product was looked at."""
_LONGEST_TTL_S: Final = 5 * 365 * 86_400
_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(list[tuple[str, int]])


class CassandraViewStore:
    """The ViewStore port on the cart service's keyspace.

    Args:
        db: the keyspace.
        guest_idle_s: how long views of a guest live after the last one.
    """

    def __init__(self, db: Cassandra, guest_idle_s: int) -> None:
        self._db = db
        self._guest_ttl_s = min(guest_idle_s, _LONGEST_TTL_S)
        self._turns = KeyedLock()

    async def record_view(self, owner: Owner, view: View) -> None:
        """Put a product in front and drop what is beyond the bound."""

        def recorded(views: _Views) -> _Views:
            known = views.get(view.product_id, view.viewed_at_ms)
            return {**views, view.product_id: max(view.viewed_at_ms, known)}

        def is_recorded(views: _Views) -> bool:
            return views.get(view.product_id, -1) >= view.viewed_at_ms

        ttl_s = self._guest_ttl_s if owner.is_guest else 0
        await self._change("recently_viewed.update", owner, ttl_s, recorded, is_recorded)

    async def list_views(self, owner: Owner, limit: int) -> list[View]:
        """Return the newest views."""
        row = await self._db.one(*_get(owner_key(owner)))
        return [View(*view) for view in _newest(_views(row))[:limit]]

    async def forget_views(self, owner: Owner) -> None:
        """Replace all views by none, in a row that expires."""
        await self._change(
            "recently_viewed.forget", owner, self._guest_ttl_s, lambda _: {}, lambda views: not views
        )

    async def sweep_views(self, guests_before_ms: int, limit: int) -> int:  # noqa: ARG002
        """Do nothing: views by guests expire."""
        return 0

    async def _change(
        self,
        operation: str,
        owner: Owner,
        ttl_s: int,
        change: Callable[[_Views], _Views],
        is_made: Callable[[_Views], bool],
    ) -> None:
        """Read, change and write, one after the other in this process; begin again when another was first."""
        key, contention = owner_key(owner), Contention()
        proof = RowProof(*_get(key), lambda row: is_made(_views(row)))
        async with self._turns.of(key):
            while True:
                row = await self._db.one(*_get(key))
                before, version = _views(row), None if row is None else row[0]
                after = change(before)
                if not (before or after):
                    return
                value = _encoder.encode(_newest(after)[:RECENT_LIMIT])
                values = (ttl_s, (version or 0) + 1, value, key, version)
                if await self._db.apply_and_resolve(operation, (_SET, values), proof=proof):
                    return
                await contention.lost()


def _get(key: str) -> tuple[str, str, tuple[str]]:
    return "recently_viewed.get", _GET, (key,)


def _views(row: Row | None) -> _Views:
    return {} if row is None else dict(_decoder.decode(row[1]))


def _newest(views: _Views) -> list[tuple[str, int]]:
    return sorted(views.items(), key=lambda view: (view[1], view[0]), reverse=True)
