"""Which carts there may be, in the order of their owners: hints, written before the cart they name.

See docs/protocols.md, Clocks and hints.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

from store_kit.cassandra.keyspace import Cassandra

from store_cart.domain import Owner, OwnerKind

_ADD_OWNER: Final = "INSERT INTO cart_owners (kind, prefix, owner_id) VALUES (?, ?, ?) USING TTL ?"
_ADD_PREFIX: Final = "INSERT INTO cart_owner_prefixes (kind, prefix) VALUES (?, ?) USING TTL ?"
_PREFIXES: Final = "SELECT prefix FROM cart_owner_prefixes WHERE kind = ? AND prefix >= ? LIMIT ?"
_OWNERS: Final = "SELECT owner_id FROM cart_owners WHERE kind = ? AND prefix = ? AND owner_id > ? LIMIT ?"
_KINDS: Final[tuple[OwnerKind, ...]] = ("guest", "user")
_PREFIX: Final = 7
"""Characters of an id that choose its partition: a UUIDv7 begins with its time, seven digits of it are 17 minutes."""
_PREFIXES_AT_ONCE: Final = 16


class CassandraCartIndex:
    """The list of owners on the cart service's keyspace."""

    def __init__(self, db: Cassandra) -> None:
        self._db = db

    async def announce(self, owner: Owner, ttl_s: int) -> None:
        """Put an owner on the list for so long (0: for good)."""
        prefix = owner.id[:_PREFIX]
        await asyncio.gather(
            self._db.write("cart_owners.insert", (_ADD_OWNER, (owner.kind, prefix, owner.id, ttl_s))),
            self._db.write("cart_owner_prefixes.insert", (_ADD_PREFIX, (owner.kind, prefix, ttl_s))),
        )

    async def owners(self, after: Owner | None, limit: int) -> AsyncIterator[Sequence[Owner]]:
        """Yield owners that may have a cart behind `after`, in order, in bunches of at most `limit`."""
        for kind in _KINDS:
            if after is None or kind > after.kind:
                bunches = self._behind(kind, "", limit)
            elif kind == after.kind:
                bunches = self._behind(kind, after.id, limit)
            else:
                continue
            async for ids in bunches:
                yield [Owner(kind, owner_id) for owner_id in ids]

    async def _behind(self, kind: OwnerKind, last: str, limit: int) -> AsyncIterator[list[str]]:
        first = last[:_PREFIX]
        while True:
            rows = await self._db.all("cart_owner_prefixes.list", _PREFIXES, (kind, first, _PREFIXES_AT_ONCE))
            prefixes = [str(prefix) for (prefix,) in rows]
            answers = await asyncio.gather(*(self._of(kind, prefix, last, limit) for prefix in prefixes))
            for prefix, ids in zip(prefixes, answers, strict=True):
                more = ids
                while more:
                    yield more
                    more = await self._of(kind, prefix, more[-1], limit) if len(more) == limit else []
            if len(prefixes) < _PREFIXES_AT_ONCE:
                return
            first = prefixes[-1] + "\0"

    async def _of(self, kind: OwnerKind, prefix: str, last: str, limit: int) -> list[str]:
        rows = await self._db.all("cart_owners.list", _OWNERS, (kind, prefix, last, limit))
        return [str(owner_id) for (owner_id,) in rows]
