"""What shoppers looked at, in Cassandra: one value for each shopper, replaced by compare-and-set.

A lost answer is settled by looking whether the view is there.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from store_kit.cassandra import Cassandra
from store_kit.turns import Turns, pause_after_losing

from store_cart.adapters.keys import owner_key
from store_cart.domain import RECENT_LIMIT, Owner, View

_GET: Final = "SELECT version, views FROM recently_viewed WHERE owner = ?"
_SET: Final = "UPDATE recently_viewed USING TTL ? SET version = ?, views = ? WHERE owner = ? IF version = ?"
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
        self._turns = Turns()

    async def record(self, owner: Owner, view: View) -> None:
        """Put a product in front and drop what is beyond the bound."""
        await self._until(owner, lambda: self._recorded(owner, view))

    async def latest(self, owner: Owner, limit: int) -> list[View]:
        """Return the newest views."""
        _, views = await self._read(owner)
        return [View(*view) for view in _newest(views)[:limit]]

    async def forget(self, owner: Owner) -> None:
        """Replace all views by none, in a row that expires."""
        await self._until(owner, lambda: self._forgotten(owner))

    async def sweep(self, guests_before_ms: int, limit: int) -> int:  # noqa: ARG002
        """Do nothing: views by guests expire."""
        return 0

    async def _until(self, owner: Owner, write: Callable[[], Awaitable[bool]]) -> None:
        """Try in turn until no other process was faster."""
        async with self._turns.of(owner_key(owner)):
            tries = 0
            while not await write():
                tries += 1
                await pause_after_losing(tries)

    async def _forgotten(self, owner: Owner) -> bool:
        version, views = await self._read(owner)
        if version is None or not views:
            return True
        row = (self._guest_ttl_s, version + 1, _encoder.encode([]), owner_key(owner), version)

        async def apply() -> bool:
            return await self._db.apply("recently_viewed.forget", (_SET, row))

        async def gone() -> bool:
            _, found = await self._read(owner, serial=True)
            return not found

        return await self._db.settle(apply, gone)

    async def _recorded(self, owner: Owner, view: View) -> bool:
        version, views = await self._read(owner)
        views[view.product_id] = max(view.viewed_ms, views.get(view.product_id, view.viewed_ms))
        value = _encoder.encode(_newest(views)[:RECENT_LIMIT])
        ttl_s = self._guest_ttl_s if owner.is_guest else 0
        row = (ttl_s, (version or 0) + 1, value, owner_key(owner), version)

        async def apply() -> bool:
            return await self._db.apply("recently_viewed.update", (_SET, row))

        async def there() -> bool:
            _, found = await self._read(owner, serial=True)
            return found.get(view.product_id, -1) >= view.viewed_ms

        return await self._db.settle(apply, there)

    async def _read(self, owner: Owner, *, serial: bool = False) -> tuple[int | None, dict[str, int]]:
        row = await self._db.one("recently_viewed.get", _GET, (owner_key(owner),), serial=serial)
        return (row[0], dict(_decoder.decode(row[1]))) if row else (None, {})


def _newest(views: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(views.items(), key=lambda view: (view[1], view[0]), reverse=True)
