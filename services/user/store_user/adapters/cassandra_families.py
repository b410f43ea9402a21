"""Refresh token families in Cassandra: a family and the proofs of its rotations are one partition.

A family expires with everything it has. What changes it is written with a whole session's time to live, so what is
left of one that has expired goes a session later; nobody sees it.
"""

import asyncio
import math
from collections.abc import Sequence
from typing import Final

from store_kit.cassandra import Cassandra
from store_kit.clock import Clock
from store_kit.ids import new_id

from store_user.domain import Family

_OPEN: Final = (
    "INSERT INTO families (family_id, entry, account_id, credentials, generation, rotated_at_ms, expires_at_ms,"
    " revoked) VALUES (?, 0, ?, ?, ?, ?, ?, ?) IF NOT EXISTS USING TTL ?"
)
_GET: Final = (
    "SELECT account_id, credentials, generation, rotated_at_ms, expires_at_ms, revoked"
    " FROM families WHERE family_id = ? AND entry = 0"
)
_ANNOUNCE: Final = "INSERT INTO families_by_account (account_id, family_id) VALUES (?, ?) USING TTL ?"
_OF_ACCOUNT: Final = "SELECT family_id FROM families_by_account WHERE account_id = ? LIMIT ?"
_ROTATE: Final = (
    "UPDATE families USING TTL ? SET generation = ?, rotated_at_ms = ? WHERE family_id = ? AND entry = 0"
    " IF generation = ? AND revoked = false"
)
_PROVE: Final = "INSERT INTO families (family_id, entry, proof) VALUES (?, ?, ?) USING TTL 600"
_PROOF: Final = "SELECT proof FROM families WHERE family_id = ? AND entry = ?"
_KEEP: Final = (
    "UPDATE families USING TTL ? SET credentials = ? WHERE family_id = ? AND entry = 0 IF credentials < ?"
)
_REVOKE: Final = (
    "UPDATE families USING TTL ? SET revoked = true WHERE family_id = ? AND entry = 0 IF revoked = false"
)


class CassandraFamilies:
    """The port `Families`.

    Args:
        db: the keyspace.
        clock: what time it is when a family begins.
        lifetime_s: how long a session lives at most.
    """

    def __init__(self, db: Cassandra, clock: Clock, *, lifetime_s: int) -> None:
        self._db = db
        self._clock = clock
        self._lifetime_s = lifetime_s

    async def open(self, family: Family) -> None:
        """Write a new family, its row of the account first; safe to repeat."""
        left_s = max(1, math.ceil((family.expires_at_ms - self._clock.now_ms()) / 1000))
        announced = (_ANNOUNCE, (family.account_id, family.id, left_s))
        await self._db.write("families_by_account.insert", announced)
        row = (
            family.id,
            family.account_id,
            family.credentials,
            family.generation,
            family.rotated_at_ms,
            family.expires_at_ms,
            family.revoked,
            left_s,
        )

        async def apply() -> bool:
            return await self._db.apply("families.open", (_OPEN, row))

        async def there() -> bool:
            return await self._get(family.id, serial=True) is not None

        await self._db.settle(apply, there)

    async def get(self, family_id: str) -> Family | None:
        """Return the family."""
        return await self._get(family_id)

    async def of_account(self, account_id: str, *, limit: int) -> Sequence[Family]:
        """Return an account's families, newest first: ids begin with the time they were made."""
        rows = await self._db.all("families_by_account.list", _OF_ACCOUNT, (account_id, limit))
        found = await asyncio.gather(*(self.get(str(family_id)) for (family_id,) in rows))
        return [family for family in found if family is not None]

    async def rotate(self, family_id: str, *, generation: int, at_ms: int) -> bool:
        """Advance by compare-and-set; the proof tells who did it."""
        token = new_id()
        change = (_ROTATE, (self._lifetime_s, generation + 1, at_ms, family_id, generation))
        proof = (_PROVE, (family_id, generation + 1, token))

        async def apply() -> bool:
            return await self._db.apply("families.rotate", change, proof)

        async def ours() -> bool:
            row = await self._db.one("families.proof", _PROOF, (family_id, generation + 1), serial=True)
            return row is not None and row[0] == token

        return await self._db.settle(apply, ours)

    async def keep(self, family_id: str, *, credentials: int) -> None:
        """Let the family survive a password change; the count only grows, whoever writes it."""

        async def apply() -> bool:
            params = (self._lifetime_s, credentials, family_id, credentials)
            return await self._db.apply("families.keep", (_KEEP, params))

        async def kept() -> bool:
            family = await self._get(family_id, serial=True)
            return family is not None and family.credentials >= credentials

        await self._db.settle(apply, kept)

    async def revoke(self, family_id: str) -> None:
        """Make the family worthless, whoever does it."""

        async def apply() -> bool:
            return await self._db.apply("families.revoke", (_REVOKE, (self._lifetime_s, family_id)))

        async def revoked() -> bool:
            family = await self._get(family_id, serial=True)
            return family is None or family.revoked

        await self._db.settle(apply, revoked)

    async def sweep(self, *, expired_before_ms: int, limit: int) -> int:  # noqa: ARG002 - the port's shape
        """Return 0: families vanish by themselves."""
        return 0

    async def _get(self, family_id: str, *, serial: bool = False) -> Family | None:
        row = await self._db.one("families.get", _GET, (family_id,), serial=serial)
        if row is None:
            return None
        account_id, credentials, generation, rotated, expires, revoked = row
        if None in row[:-1]:
            return None  # a part has expired, the rest is about to
        return Family(family_id, account_id, credentials, generation, rotated, expires, revoked is not False)
