"""The change feed in Cassandra: rows in buckets of ten minutes, which expire by themselves.

A position is a time with a number behind it, 2**20 for each millisecond. Processes share no counter and no clock, so an
entry may come to lie behind which others have read already: the last minute is looked at again with every poll
(docs/protocols.md, Read model), and what was given from it before is left out.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from store_kit.cassandra.keyspace import Cassandra, Statement
from store_kit.clock import Clock
from store_kit.group_commit import GroupCommit

from store_catalog.domain import FeedEntry, ProductId
from store_catalog.ports import FeedExpired

Announcement = tuple[ProductId, int, int]
"""Product id, version (0: any), stock version (0: any)."""
_ADD: Final = (
    "INSERT INTO feed (bucket, position, product_id, version, stock_version)"
    " VALUES (?, ?, ?, ?, ?) USING TTL ?"
)
_SINCE: Final = (
    "SELECT position, product_id, version, stock_version FROM feed"
    " WHERE bucket = ? AND position > ? AND position <= ? LIMIT ?"
)
PER_MS: Final = 1 << 20
BUCKET: Final = 600_000 * PER_MS
LATE: Final = 60_000 * PER_MS
"""How late, or by how much in the future, an entry may come."""
_BUCKETS_AT_ONCE: Final = 16
_PAGE: Final = 1_000
_ALL: Final = 2**31 - 1
_MUCH: Final = 2_000
_SELDOM_MS: Final = 5_000
_A_LITTLE: Final = 5_000 * PER_MS
"""How late entries usually come, from processes whose clocks agree."""


@dataclass(frozen=True, slots=True)
class _Look:
    """When late entries were looked for, and up to where."""

    at_ms: int
    position: int


_NEVER: Final = _Look(0, 2**63)


class CassandraChangeFeed:
    """ChangeFeed on the catalogue's keyspace.

    Args:
        db: the keyspace.
        clock: gives positions.
        keep_s: how long entries are kept.
    """

    def __init__(self, db: Cassandra, clock: Clock, keep_s: int) -> None:
        self._db = db
        self._clock = clock
        self._keep_s = keep_s
        self._newest = 0
        # What was given of the last minutes, by its hash: while a million products are loaded that is much.
        self._given: set[int] = set()
        self._last = self._last_far = _NEVER
        self._writes: GroupCommit[str, Sequence[Announcement]] = GroupCommit(self._write)

    async def announce(self, entries: Sequence[Announcement]) -> None:
        """Write entries; durable when this returns, which must be before the changes are made."""
        if entries:
            await self._writes.submit("feed", entries)

    async def newest_position(self) -> int:
        """Return the position of this moment: what is announced later lies behind it, or a minute before it."""
        self._given.clear()  # a rebuild must be given the last minute again
        self._last = self._last_far = _NEVER
        return max(self._newest, self._clock.now_ms() * PER_MS)

    async def list_entries(self, position: int, limit: int) -> list[FeedEntry]:
        """Return up to `limit` entries behind `position`, and those that came late in the minute before it.

        Raises:
            FeedExpired: entries behind it may have expired.
        """
        now_ms = self._clock.now_ms()
        if position < (now_ms - self._keep_s * 1000) * PER_MS + LATE:
            raise FeedExpired(f"The feed keeps {self._keep_s} s and no longer reaches back to {position}.")
        fresh = await self._between(position, now_ms * PER_MS + LATE, limit)
        late = await self._late(position, now_ms)
        self._given.update(map(hash, late + fresh))
        return late + fresh

    async def delete_entries(self, older_than_ms: int, limit: int) -> int:  # noqa: ARG002 - the port's shape
        """Return 0: entries expire by themselves."""
        return 0

    async def _write(self, _feed: str, waiting: Sequence[Sequence[Announcement]]) -> None:
        by_bucket: dict[int, list[Statement]] = {}
        for product_id, version, stock_version in (entry for entries in waiting for entry in entries):
            self._newest = max(self._newest, self._clock.now_ms() * PER_MS) + 1
            row = (self._newest // BUCKET, self._newest, product_id, version, stock_version, self._keep_s)
            by_bucket.setdefault(row[0], []).append((_ADD, row))
        for statements in by_bucket.values():
            for at in range(0, len(statements), _PAGE):
                await self._db.write("feed.insert", *statements[at : at + _PAGE])

    async def _late(self, position: int, now_ms: int) -> list[FeedEntry]:
        """Return what is new in the minute before `position`.

        While very much changes, the last seconds are looked at every few seconds, and the minute once in a minute:
        each entry is then read five times in all. With the whole minute every time it would be thirteen. A reader that
        is far behind need not look: a minute after an entry's time nothing comes to lie before it any more.
        """
        much = len(self._given) > _MUCH
        if much and now_ms - self._last.at_ms < _SELDOM_MS:
            return []
        far = not much or now_ms - self._last_far.at_ms >= LATE // PER_MS
        before, back = (self._last_far, LATE) if far else (self._last, _A_LITTLE)
        late: list[FeedEntry] = []
        minute: set[int] = set()
        behind = max(min(position, before.position) - back, before.at_ms * PER_MS - LATE)
        async for entry in self._read(behind, position):
            if hash(entry) not in self._given:
                late.append(entry)
            if far and entry.position > position - LATE:
                minute.add(hash(entry))
        # Only now: what could not be read to its end is looked at again.
        self._last = _Look(now_ms, position)
        if far:
            self._last_far = self._last
            self._given &= minute
        return late

    async def _read(self, behind: int, up_to: int) -> AsyncIterator[FeedEntry]:
        """Yield all entries of a stretch, oldest first."""
        for bucket in range(behind // BUCKET, up_to // BUCKET + 1) if behind < up_to else ():
            asked = (bucket, behind, up_to, _ALL)
            async for page in self._db.pages("feed.since", _SINCE, asked, size=_PAGE):
                for row in page:
                    yield _entry(*row)

    async def _between(self, behind: int, up_to: int, limit: int) -> list[FeedEntry]:
        found: list[FeedEntry] = []
        for first in range(behind // BUCKET, up_to // BUCKET + 1, _BUCKETS_AT_ONCE):
            buckets = range(first, min(first + _BUCKETS_AT_ONCE, up_to // BUCKET + 1))
            parts = await asyncio.gather(
                *(self._bucket(b, behind, up_to, limit - len(found)) for b in buckets)
            )
            found += [entry for part in parts for entry in part]
            if len(found) >= limit:
                break
        return found[:limit]

    async def _bucket(self, bucket: int, behind: int, up_to: int, limit: int) -> list[FeedEntry]:
        found: list[FeedEntry] = []
        async for page in self._db.pages("feed.since", _SINCE, (bucket, behind, up_to, limit), size=_PAGE):
            found += [_entry(*row) for row in page]
        return found


def _entry(position: int, product_id: ProductId, version: int, stock_version: int) -> FeedEntry:
    return FeedEntry(position, product_id, version, stock_version, position // PER_MS)
