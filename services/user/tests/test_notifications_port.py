"""What every store of notifications must do."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from store_kit.cassandra.keyspace import Cassandra
from store_kit.clock import SystemClock
from store_user.adapters.cassandra.notifications import CassandraNotifications
from store_user.adapters.sqlite.notifications import SqliteNotifications
from store_user.domain.notifications import Notification
from store_user.ports import NotificationStore

from services.user.tests.fakes import MemoryNotifications
from services.user.tests.stores import STORES, SWEEPING, Makers, opened
from tests.support.wait import until

pytestmark = pytest.mark.anyio
DAY_MS = 86_400_000
KEEP_MS = 90 * DAY_MS
T0 = SystemClock().now_ms() - DAY_MS


@pytest.fixture(params=STORES)
async def notifications(
    request: Any, tmp_path: Path, keyspace: Cassandra | None
) -> AsyncIterator[NotificationStore]:
    make = Makers[NotificationStore](
        MemoryNotifications,
        SqliteNotifications,
        lambda db: CassandraNotifications(db, SystemClock(), keep_ms=KEEP_MS),
    )
    async with opened(request.param, make, tmp_path, keyspace) as store:
        yield store


def news(number: int, *, account: str = "ann", at_ms: int | None = None) -> Notification:
    return Notification(
        f"n{number:03}", account, "order", "SHIPPING", T0 + number if at_ms is None else at_ms
    )


async def all_of(notifications: NotificationStore, account: str, page_size: int) -> list[Notification]:
    """Read an account's news page by page."""
    seen: list[Notification] = []
    while True:
        position = (seen[-1].at_ms, seen[-1].id) if seen else None
        page = await notifications.list_notifications(account, before=position, limit=page_size)
        assert len(page) <= page_size
        if not page:
            return seen
        seen += page


async def test_what_is_delivered_twice_is_there_once(notifications: NotificationStore) -> None:
    """The id decides, within a batch and between batches."""
    assert await notifications.insert_notifications([news(1), news(2), news(1)]) == 2
    assert await notifications.insert_notifications([news(2), news(3)]) == 1
    assert await notifications.insert_notifications([]) == 0
    assert await notifications.list_notifications("ann", before=None, limit=10) == [news(3), news(2), news(1)]


async def test_twins_at_the_same_time_are_there_once(notifications: NotificationStore) -> None:
    """Two replicas deliver the same batch at once: nothing is lost, nothing is there twice."""
    batch = [news(number) for number in range(20)]
    told = await asyncio.gather(*(notifications.insert_notifications(batch) for _ in range(5)))
    assert 20 <= sum(told) <= 100
    assert await notifications.insert_notifications(batch) == 0
    assert await all_of(notifications, "ann", 7) == batch[::-1]


async def test_news_is_read_by_its_account_only(notifications: NotificationStore) -> None:
    """A page holds one account's news."""
    await notifications.insert_notifications([news(1), news(2, account="bob")])
    assert await notifications.list_notifications("bob", before=None, limit=10) == [news(2, account="bob")]
    assert await notifications.list_notifications("nobody", before=None, limit=10) == []


async def test_pages_cross_equal_times_without_gap_or_repetition(notifications: NotificationStore) -> None:
    """Position is time and id together, so news of one moment is not lost between pages."""
    batch = [news(number, at_ms=T0 + number // 3) for number in range(9)]
    await notifications.insert_notifications(batch)
    for size in (1, 2, 9, 100):
        assert await all_of(notifications, "ann", size) == batch[::-1]


async def test_pages_cross_months_without_gap_or_repetition(notifications: NotificationStore) -> None:
    """News of all the time that they are kept, and some that come from a clock ahead."""
    batch = [news(number, at_ms=T0 - number * 5 * DAY_MS) for number in range(17)]
    ahead = [news(101, at_ms=T0 + 2 * DAY_MS), news(102, at_ms=T0 + 70 * DAY_MS)]
    assert await notifications.insert_notifications([*ahead, *batch]) == 19
    for size in (1, 4, 19, 100):
        assert await all_of(notifications, "ann", size) == [*ahead[::-1], *batch]
    behind = await notifications.list_notifications("ann", before=(T0 - 31 * DAY_MS, "x"), limit=2)
    assert behind == batch[7:9]


async def test_a_full_batch_for_many_people_arrives(notifications: NotificationStore) -> None:
    """As many as one delivery may hold, for a hundred accounts."""
    batch = [news(number, account=f"a{number % 100}") for number in range(500)]
    assert await notifications.insert_notifications(batch) == 500
    for number in range(0, 100, 33):
        assert await all_of(notifications, f"a{number}", 3) == batch[number::100][::-1]


@pytest.mark.parametrize("notifications", SWEEPING, indirect=True)
async def test_the_sweep_takes_old_news(notifications: NotificationStore) -> None:
    """Only what is older than the mark goes, a bounded number at a time."""
    await notifications.insert_notifications([news(number) for number in range(5)])
    assert await notifications.sweep_notifications(before_ms=T0 + 3, limit=2) == 2
    assert await notifications.sweep_notifications(before_ms=T0 + 3, limit=2) == 1
    assert await notifications.sweep_notifications(before_ms=T0 + 3, limit=2) == 0
    assert await notifications.list_notifications("ann", before=None, limit=10) == [news(4), news(3)]


async def test_old_news_go_and_young_ones_stay(notifications: NotificationStore) -> None:
    """Nothing is shown for longer than it is kept, however late it came."""
    clock = SystemClock()
    old, young = news(1, at_ms=clock.now_ms() - KEEP_MS + 1_000), news(2)
    older = news(3, at_ms=clock.now_ms() - 2 * KEEP_MS)
    await notifications.insert_notifications([old, young, older])

    async def gone() -> bool:
        await notifications.sweep_notifications(before_ms=clock.now_ms() - KEEP_MS, limit=10)
        return await all_of(notifications, "ann", 10) == [young]

    await until(gone, "the old news are gone")


async def test_what_belonged_to_an_account_is_forgotten(notifications: NotificationStore) -> None:
    """All news of one account goes, that of others stays."""
    await notifications.insert_notifications(
        [news(1), news(2, at_ms=T0 - 40 * DAY_MS), news(3, account="bob")]
    )
    await notifications.delete_notifications("ann")
    assert await notifications.list_notifications("ann", before=None, limit=10) == []
    assert len(await notifications.list_notifications("bob", before=None, limit=10)) == 1
