"""What every store of notifications must do."""

from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path

import pytest
from store_kit.sqlite import Sqlite
from store_user.adapters.sqlite_notifications import SqliteNotifications
from store_user.domain import Notification
from store_user.ports import Notifications

from services.user.tests.fakes import MemoryNotifications

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["sqlite", "memory"])
async def notifications(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Notifications]:
    if request.param == "memory":
        yield MemoryNotifications()
        return
    db = Sqlite(tmp_path / "user.db", files("store_user") / "schema" / "sqlite")
    await db.open()
    yield SqliteNotifications(db)
    await db.close()


def news(number: int, *, account: str = "ann", at_ms: int | None = None) -> Notification:
    return Notification(f"n{number}", account, "order", "SHIPPING", number if at_ms is None else at_ms)


async def test_what_is_delivered_twice_is_there_once(notifications: Notifications) -> None:
    """The id decides, within a batch and between batches."""
    assert await notifications.add([news(1), news(2), news(1)]) == 2
    assert await notifications.add([news(2), news(3)]) == 1
    assert await notifications.add([]) == 0
    assert await notifications.page("ann", before=None, limit=10) == [news(3), news(2), news(1)]


async def test_nobody_reads_the_news_of_others(notifications: Notifications) -> None:
    """A page holds one account's news."""
    await notifications.add([news(1), news(2, account="bob")])
    assert await notifications.page("bob", before=None, limit=10) == [news(2, account="bob")]


async def test_pages_cross_equal_times_without_gap_or_repetition(notifications: Notifications) -> None:
    """Position is time and id together, so news of one moment is not lost between pages."""
    await notifications.add([news(number, at_ms=number // 3) for number in range(9)])
    seen: list[Notification] = []
    while True:
        position = (seen[-1].at_ms, seen[-1].id) if seen else None
        page = await notifications.page("ann", before=position, limit=2)
        if not page:
            break
        seen += page
    assert [n.id for n in seen] == [f"n{number}" for number in reversed(range(9))]


async def test_the_sweep_takes_old_news(notifications: Notifications) -> None:
    """Only what is older than the mark goes, a bounded number at a time."""
    await notifications.add([news(number) for number in range(5)])
    assert await notifications.sweep(before_ms=3, limit=2) == 2
    assert await notifications.sweep(before_ms=3, limit=2) == 1
    assert await notifications.sweep(before_ms=3, limit=2) == 0
    assert [n.id for n in await notifications.page("ann", before=None, limit=10)] == ["n4", "n3"]
