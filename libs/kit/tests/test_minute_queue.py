"""Queues by the minute: what a look reads, what it finds again, and up to where everything is known to be done."""

import pytest
from store_kit.cassandra.minute_queue import MINUTE_MS, MinuteQueue
from store_kit.cassandra.moments import Moments

from tests.support.queue_tables import NOON, NOON_MS, Entry, Tables

pytestmark = pytest.mark.anyio


async def looked(queue: MinuteQueue[Entry], before_ms: int) -> list[str]:
    await queue.look(before_ms)
    await queue.settle()
    return [what for _, what in queue.waiting(100, before_ms)]


def test_moments_are_given_oldest_first_and_once() -> None:
    """Also what was discarded and taken up again."""
    moments: Moments[Entry] = Moments()
    for at_ms in (3, 1, 2, 1):
        moments.add((at_ms, "cup"))
    moments.discard((1, "cup"))
    moments.add((1, "cup"))
    assert moments.oldest(2, 9) == moments.oldest(2, 9) == [(1, "cup"), (2, "cup")]
    assert (moments.oldest_ms(), len(moments)) == (1, 3)
    moments.forget_before(3)
    assert (moments.oldest_ms(), len(moments), (3, "cup") in moments) == (3, 1, True)
    moments.discard((3, "cup"))
    assert moments.oldest_ms() is None
    assert moments.oldest(1, 9) == []


async def test_an_entry_lies_in_its_minute_or_the_present_one() -> None:
    """None is added to a minute that may be closed."""
    tables, now_ms = Tables(), NOON_MS + 5
    queue = tables.queue()
    for at_ms in (now_ms + 2 * MINUTE_MS, now_ms, now_ms - 9 * MINUTE_MS):
        await queue.add((at_ms, f"for {at_ms}"), now_ms)
    assert {minute: len(entries) for (_, minute), entries in tables.entries.items()} == {NOON + 2: 1, NOON: 2}
    assert {at_ms for at_ms, _ in tables.entries["due", NOON]} == {now_ms}


async def test_the_first_entry_sets_the_mark_before_itself() -> None:
    """A process that dies between the two leaves a mark, never an entry that is not looked for."""
    tables = Tables()
    queue = tables.queue()
    assert await queue.mark_ms() is None
    await queue.add((1, "cup"), NOON_MS)
    assert tables.log[-2:] == ["marks.insert", "work.insert"]
    assert await queue.mark_ms() == await tables.queue().mark_ms() == (NOON - 2) * MINUTE_MS
    await queue.add((2, "cup"), NOON_MS)
    assert tables.log[-1:] == ["work.insert"], "the mark is known"


async def test_the_mark_only_moves_forward() -> None:
    """A process that is behind closes nothing, and opens nothing again."""
    tables = Tables()
    behind, queue = tables.queue(), tables.queue()
    await queue.add((1, "cup"), NOON_MS)
    assert await behind.mark_ms() == (NOON - 2) * MINUTE_MS
    await queue.move_mark(NOON_MS + 5 * MINUTE_MS)
    await queue.move_mark(NOON_MS)
    await behind.move_mark(NOON_MS + MINUTE_MS)
    assert tables.marks == {("due",): {"set": NOON + 5}}


async def test_a_minute_is_looked_at_once_more_before_the_mark_passes_it() -> None:
    """What was written very late is found two minutes after the end of its minute, and keeps the mark back."""
    tables = Tables()
    queue, late = tables.queue(), tables.queue()
    await queue.add((NOON_MS, "cup"), NOON_MS)
    assert await looked(queue, NOON_MS + 30_000) == ["cup"]
    await late.add((NOON_MS + 1, "late"), NOON_MS + 1)
    assert await looked(queue, NOON_MS + 3 * MINUTE_MS - 1) == ["cup"]
    queue.finish((NOON_MS, "cup"))
    assert await looked(queue, NOON_MS + 3 * MINUTE_MS) == ["late"], "and not what is finished"
    assert await tables.queue().mark_ms() == NOON_MS
    queue.finish((NOON_MS + 1, "late"))
    assert await looked(queue, NOON_MS + 3 * MINUTE_MS + 1) == []
    assert await tables.queue().mark_ms() == (NOON + 1) * MINUTE_MS


async def test_what_is_a_little_late_is_found_by_the_next_look() -> None:
    """The last five seconds are read again: clocks differ, and writes take their time."""
    tables = Tables()
    queue, late = tables.queue(), tables.queue()
    await queue.add((NOON_MS, "cup"), NOON_MS)
    assert await looked(queue, NOON_MS + 4_000) == ["cup"]
    await late.add((NOON_MS + 1, "late"), NOON_MS + 1)
    assert await looked(queue, NOON_MS + 4_001) == ["cup", "late"]


async def test_what_an_older_version_wrote_into_the_present_minute_is_found() -> None:
    """Its moment was past when it was written, before the minute that it lies in."""
    tables = Tables()
    tables.marks["due",] = {"set": NOON}
    tables.entries["due", NOON] = {(NOON_MS - 5 * MINUTE_MS, "old")}
    tables.entries["due", NOON + 1] = {(NOON_MS, "older than its minute")}
    assert await looked(tables.queue(), NOON_MS + MINUTE_MS + 1) == ["old", "older than its minute"]
