"""Accounts that changed lately, in Cassandra: hints in buckets of five minutes, which expire."""

from collections.abc import Mapping
from typing import Final

from store_kit.cassandra.keyspace import Cassandra
from store_kit.clock import Clock

_ANNOUNCE: Final = "INSERT INTO revocations (bucket, account_id, at_ms) VALUES (?, ?, ?) USING TTL 3600"
_LIST: Final = "SELECT account_id, at_ms FROM revocations WHERE bucket = ?"
_BUCKET_MS: Final = 300_000


class CassandraRevocations:
    """The port `RevocationStore`."""

    def __init__(self, db: Cassandra, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def announce_revocation(self, account_id: str, *, at_ms: int) -> None:
        """Note an account, or that it changes once more."""
        await self._db.write("revocations.insert", (_ANNOUNCE, (at_ms // _BUCKET_MS, account_id, at_ms)))

    async def list_revocations(self, at_ms: int) -> Mapping[str, int]:
        """Return what was noted since; one bucket ahead of our clock, because other clocks may be ahead."""
        found: dict[str, int] = {}
        for bucket in range(at_ms // _BUCKET_MS, self._clock.now_ms() // _BUCKET_MS + 2):
            async for rows in self._db.pages("revocations.list", _LIST, (bucket,)):
                found |= {str(account_id): int(at) for account_id, at in rows if at >= at_ms}
        return found

    async def sweep_revocations(self, *, before_ms: int, limit: int) -> int:  # noqa: ARG002 - the port's shape
        """Return 0: they vanish by themselves."""
        return 0
