"""News of orders in Cassandra: a partition for each account and period of 30 days; they expire by themselves."""

import asyncio
import contextlib
import math
from collections.abc import Sequence
from typing import Final

from cachetools import LRUCache
from store_kit.cassandra.gathered_writes import GatheredWrites
from store_kit.cassandra.keyspace import Cassandra
from store_kit.cassandra.write_once_rows import WriteOnceRows
from store_kit.clock import Clock
from store_kit.problems import in_doubt

from store_user.domain import Notification

_ADD: Final = (
    "INSERT INTO notifications (account_id, period, at_ms, id, order_id, status) VALUES (?, ?, ?, ?, ?, ?)"
    " USING TTL ?"
)
_ADD_PERIOD: Final = "INSERT INTO periods_with_notifications (account_id, period) VALUES (?, ?) USING TTL ?"
_PERIODS: Final = "SELECT period FROM periods_with_notifications WHERE account_id = ? AND period <= ?"
_PAGE: Final = (
    "SELECT id, order_id, status, at_ms FROM notifications WHERE account_id = ? AND period = ?"
    " AND (at_ms, id) < (?, ?) LIMIT ?"
)
_FORGET: Final = "DELETE FROM notifications WHERE account_id = ? AND period = ? AND at_ms = ? AND id = ?"
_PERIOD_MS: Final = 30 * 86_400_000
_END: Final = (2**62, "")
"""Behind all news: lists begin here."""
_AT_ONCE: Final = 64
_REMEMBERED: Final = 10_000
"""News that a process remembers to have written, 1 MB: what is delivered twice is so within seconds."""


class CassandraNotifications:
    """The port `NotificationStore`.

    The key of a row is made of what a repeated delivery repeats, so writing it again changes nothing, and nothing needs
    to be read first. What this process has written lately is not written again.

    Args:
        db: the keyspace.
        clock: tells how old news is when it arrives.
        keep_ms: how long news is stored.
    """

    def __init__(self, db: Cassandra, clock: Clock, *, keep_ms: int) -> None:
        self._db = db
        self._clock = clock
        self._keep_ms = keep_ms
        self._periods = WriteOnceRows(db)
        self._writes = GatheredWrites(db, "notifications.insert")
        self._written: LRUCache[str, bool] = LRUCache(_REMEMBERED)

    async def insert_notifications(self, notifications: Sequence[Notification]) -> int:
        """Write what this process does not remember to have written."""
        batch = list({one.id: one for one in reversed(notifications)}.values())
        new = 0
        with contextlib.nullcontext() if len(batch) == 1 else in_doubt():
            for at in range(0, len(batch), _AT_ONCE):
                new += sum(await asyncio.gather(*map(self._add, batch[at : at + _AT_ONCE])))
        return new

    async def list_notifications(
        self, account_id: str, *, before: tuple[int, str] | None, limit: int
    ) -> Sequence[Notification]:
        """Return an account's news, newest first."""
        last, found = before or _END, list[Notification]()
        for (period,) in await self._db.all(
            "periods_with_notifications.list", _PERIODS, (account_id, last[0] // _PERIOD_MS)
        ):
            params = (account_id, period, *last, limit - len(found))
            rows = await self._db.all("notifications.page", _PAGE, params)
            found += [Notification(id_, account_id, *rest) for id_, *rest in rows]
            if len(found) == limit:
                break
        return found

    async def delete_notifications(self, account_id: str) -> None:
        """Delete everything of an account; the rows of its periods say nothing and expire."""
        while news := await self.list_notifications(account_id, before=None, limit=_AT_ONCE):
            keys = [(account_id, one.at_ms // _PERIOD_MS, one.at_ms, one.id) for one in news]
            await asyncio.gather(*(self._db.write("notifications.forget", (_FORGET, key)) for key in keys))

    async def sweep_notifications(self, *, before_ms: int, limit: int) -> int:  # noqa: ARG002 - the port's shape
        """Return 0: old news vanish by themselves."""
        return 0

    async def _add(self, one: Notification) -> bool:
        if self._written.get(one.id):
            return False
        key = (one.account_id, one.at_ms // _PERIOD_MS, one.at_ms, one.id)
        period, now_ms = key[1], self._clock.now_ms()
        # The row of the period outlives the last news that can be in it. News dated in the future is stored as if
        # it were dated now.
        end_ms = min((period + 1) * _PERIOD_MS, now_ms + _PERIOD_MS)
        index = (one.account_id, period, self._ttl_s(end_ms, now_ms))
        await self._periods.ensure(
            "periods_with_notifications.insert", (_ADD_PERIOD, index), key=(one.account_id, period, end_ms)
        )
        row = (*key, one.order_id, one.status, self._ttl_s(min(one.at_ms, now_ms), now_ms))
        await self._writes.write(key[:2], (_ADD, row))
        self._written[one.id] = True
        return True

    def _ttl_s(self, at_ms: int, now_ms: int) -> int:
        """Return for how many seconds news of this date is stored; never 0, which would mean for ever."""
        return max(1, math.ceil((at_ms + self._keep_ms - now_ms) / 1000))
