"""The change feed and the hints at the borders of their buckets, with clocks that differ, and after a restart."""

import pytest
from store_catalog.adapters.cassandra.feed import BUCKET, LATE, PER_MS, CassandraChangeFeed
from store_catalog.adapters.cassandra.pending_reservations import PendingReservations
from store_catalog.ports import FeedExpired

from services.catalog.tests.cassandra_faults import CutOff
from services.catalog.tests.clusters import Cluster
from tests.support.clock import ManualClock

pytestmark = pytest.mark.anyio
DAY_S = 24 * 3600
BORDER_MS = (1_700_000_000_000 * PER_MS // BUCKET + 1) * BUCKET // PER_MS
"""When a bucket ends."""


def feed_at(cluster: Cluster, ms: int) -> tuple[CassandraChangeFeed, ManualClock]:
    """Return the feed of a process with a clock of its own."""
    clock = ManualClock(ms)
    return CassandraChangeFeed(cluster.keyspace, clock, DAY_S), clock


async def ids(feed: CassandraChangeFeed, position: int, limit: int = 100) -> list[str]:
    return [entry.product_id for entry in await feed.list_entries(position, limit)]


async def test_a_bucket_ends_between_two_entries(cluster: Cluster) -> None:
    """Nothing is lost or given twice where one bucket ends and the next one begins, at any limit."""
    for limit in (1, 2, 3, 100):
        feed, clock = feed_at(cluster, BORDER_MS - 2)
        begin = await feed.newest_position()
        names = [f"{limit}-{n}" for n in range(8)]
        for n in range(0, 8, 2):
            await feed.announce([(names[n], 1, 0), (names[n + 1], 1, 0)])
            clock.advance(0.001)
        position, seen = begin, []
        while page := await feed.list_entries(position, limit):
            seen += [entry.product_id for entry in page if entry.product_id in names]
            position = max(entry.position for entry in page)
        assert seen == names
        assert {entry.at_ms for entry in await feed.list_entries(begin, 100)} == {
            BORDER_MS + n for n in (-2, -1, 0, 1)
        }


async def test_a_large_announcement_is_read_in_pages(cluster: Cluster) -> None:
    """Thousands of entries of one moment come in their order, each once."""
    feed, _ = feed_at(cluster, BORDER_MS)
    begin = await feed.newest_position()
    await feed.announce([(f"{n:04}", 1, 0) for n in range(2_500)])
    seen: list[str] = []
    position = begin
    while page := await feed.list_entries(position, 1_000):
        seen += [entry.product_id for entry in page]
        position = page[-1].position
    assert seen == [f"{n:04}" for n in range(2_500)]


async def test_what_comes_late_is_given_too(cluster: Cluster) -> None:
    """A process whose clock is behind announces before positions that others have passed: they see it all the same."""
    feed, clock = feed_at(cluster, BORDER_MS + 20_000)
    slow, _ = feed_at(cluster, BORDER_MS - 20_000)
    await feed.announce([("first", 1, 0)])
    position = await feed.newest_position()
    assert await ids(feed, position) == ["first"]
    await slow.announce([("late", 1, 0)])
    clock.advance(1)
    await feed.announce([("second", 1, 0)])
    assert await ids(feed, position) == ["late", "second"]
    assert await ids(feed, await feed.newest_position()) == ["late", "first", "second"]
    assert await ids(feed, (BORDER_MS + 21_000) * PER_MS + 1) == []


async def test_a_clock_that_is_ahead_hides_nothing(cluster: Cluster) -> None:
    """What a process with a fast clock announces is seen at once, and what others announce after it as well."""
    feed, _ = feed_at(cluster, BORDER_MS)
    fast, _ = feed_at(cluster, BORDER_MS + 30_000)
    begin = await feed.newest_position()
    await fast.announce([("ahead", 1, 0)])
    (entry,) = await feed.list_entries(begin, 10)
    await feed.announce([("normal", 1, 0)])
    assert await ids(feed, entry.position) == ["normal"]


async def test_while_very_much_changes_late_entries_are_looked_for_seldom(cluster: Cluster) -> None:
    """Then the last seconds are read again every few seconds, the last minute every minute; nothing is given twice."""
    feed, clock = feed_at(cluster, BORDER_MS)
    begin = await feed.newest_position()
    await feed.announce([(f"{n:04}", 1, 0) for n in range(2_100)])
    page = await feed.list_entries(begin, 5_000)
    for seconds, name in ((4, "a little late"), (59, "late")):
        slow, _ = feed_at(cluster, BORDER_MS - seconds * 1_000)
        await slow.announce([(name, 1, 0)])
    assert await ids(feed, page[-1].position) == []
    clock.advance(6)
    assert await ids(feed, page[-1].position) == ["a little late"]
    clock.advance(6)
    assert await ids(feed, page[-1].position) == []
    clock.advance(60)
    assert await ids(feed, page[-1].position) == ["late"]
    assert await ids(feed, page[-1].position) == []


async def test_a_minute_that_moved_on_is_looked_at_from_where_it_was_looked_at_last(cluster: Cluster) -> None:
    """While very much changes, what comes 58 s late is found though it lies more than a minute back by then."""
    feed, clock = feed_at(cluster, BORDER_MS)
    slow, _ = feed_at(cluster, BORDER_MS - 6_000)
    begin = await feed.newest_position()
    await feed.announce([(f"{n:04}", 1, 0) for n in range(2_100)])
    page = await feed.list_entries(begin, 5_000)
    clock.advance(52)
    await slow.announce([("late", 1, 0)])
    clock.advance(6)
    await feed.announce([("fresh", 1, 0)])
    (fresh,) = await feed.list_entries(page[-1].position, 5_000)
    clock.advance(5)
    assert await ids(feed, fresh.position) == ["late"]


async def test_who_is_far_behind_catches_up_to_where_late_entries_matter(cluster: Cluster) -> None:
    """Ten minutes of changes are each given once, and what comes late to the last of them is given, too."""
    feed, clock = feed_at(cluster, BORDER_MS)
    position, seen = await feed.newest_position(), []
    for minute in range(10):
        await feed.announce([(f"{minute}-{n:03}", 1, 0) for n in range(300)])
        clock.advance(60)
    slow, _ = feed_at(cluster, BORDER_MS + 595_000)
    while page := await feed.list_entries(position, 250):
        seen += [entry.product_id for entry in page]
        position = max(entry.position for entry in page)
        clock.advance(0.5)
    assert seen == [f"{minute}-{n:03}" for minute in range(10) for n in range(300)]
    await feed.announce([("fresh", 1, 0)])
    (fresh,) = await feed.list_entries(position, 250)
    await slow.announce([("late", 1, 0)])
    clock.advance(61)
    assert await ids(feed, fresh.position) == ["late"]


async def test_a_feed_says_when_it_no_longer_reaches_back(cluster: Cluster) -> None:
    """A minute before entries expire, a reader at their position is told to rebuild."""
    feed, clock = feed_at(cluster, BORDER_MS)
    position = await feed.newest_position()
    clock.advance(DAY_S - LATE // PER_MS // 1000)
    assert await feed.list_entries(position, 10) == []
    clock.advance(0.001)
    with pytest.raises(FeedExpired):
        await feed.list_entries(position, 10)


async def test_a_change_is_announced_before_it_is_made(cluster: Cluster) -> None:
    """A writer that dies between the two leaves an entry without a change, never a change without an entry."""
    mug = await cluster.first.product()
    for writes in (0, 1):
        process = cluster.process(CutOff(cluster.keyspace, writes))
        with pytest.raises(Exception, match="cut off"):
            await process.products.update_product(mug.patched({"name": "Cup"}, 0), 1)
    assert (await cluster.first.products.get_product(mug.id)).version == 1
    versions = [entry.version for entry in await cluster.first.entries() if entry.product_id == mug.id]
    assert versions == [1, 2]


# -------------------------------------------------------------------------------------------------------- hints


def hints_at(cluster: Cluster, clock: ManualClock) -> PendingReservations:
    return PendingReservations(cluster.keyspace, clock)


async def orders(hints: PendingReservations, older_than_ms: int) -> list[str]:
    return [order_id for _, order_id in await hints.waiting(older_than_ms)]


async def test_hints_are_found_until_they_are_finished(cluster: Cluster) -> None:
    """Every process finds those of all others, at any place within and between minutes; oldest first."""
    clock = ManualClock(1_700_000_040_000 - 1)
    first, other = hints_at(cluster, clock), hints_at(cluster, clock)
    assert await orders(first, clock.now_ms()) == []
    await first.add("before")
    clock.advance(0.001)
    at_the_border = await other.add("after")
    clock.advance(20)
    for hints in (first, other, hints_at(cluster, clock)):
        assert await orders(hints, at_the_border[0]) == ["before"]
        assert await orders(hints, at_the_border[0] + 1) == ["before", "after"]
    first.finish([at_the_border])
    assert await orders(first, clock.now_ms()) == ["before"]
    assert await orders(other, clock.now_ms()) == ["before", "after"]


async def test_a_hint_that_comes_late_is_found_when_its_minute_is_closed(cluster: Cluster) -> None:
    """A slow clock or a slow write puts a hint where others have looked already; they look once more."""
    clock, slow = ManualClock(), ManualClock()
    hints, late = hints_at(cluster, clock), hints_at(cluster, slow)
    await hints.add("first")
    clock.advance(30)
    assert await orders(hints, clock.now_ms()) == ["first"]
    await late.add("late")
    assert await orders(hints, clock.now_ms()) == ["first"]
    clock.advance(240)
    assert await orders(hints, clock.now_ms()) == ["first", "late"]


async def test_a_new_process_goes_on_where_all_is_finished(cluster: Cluster) -> None:
    """What waits keeps its minute open for every later process; what is finished is never read again."""
    clock = ManualClock()
    hints = hints_at(cluster, clock)
    old = await hints.add("old")
    clock.advance(600)
    stuck = await hints.add("stuck")
    clock.advance(600)
    await hints.waiting(clock.now_ms())
    hints.finish([old])
    assert await orders(hints, clock.now_ms()) == ["stuck"]
    assert await orders(hints_at(cluster, clock), clock.now_ms()) == ["stuck"]
    hints.finish([stuck])
    await hints.waiting(clock.now_ms())
    assert await orders(hints_at(cluster, clock), clock.now_ms()) == []
