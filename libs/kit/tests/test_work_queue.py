"""Queues of a part for each process: who reads what, what is taken over, and that nothing is lost or found for ever."""

import asyncio
from typing import Literal

import pytest
from store_kit.cassandra.minute_queue import MINUTE_MS
from store_kit.cassandra.work_queue import WorkQueue
from store_kit.problems import DatabaseOutcomeUnknown, DatabaseUnavailable

from tests.support.queue_tables import NOON, NOON_MS, Entry, Tables
from tests.support.wait import until

pytestmark = pytest.mark.anyio
DAY_MS = 24 * 60 * MINUTE_MS


async def due(queue: WorkQueue[Entry], now_ms: int) -> list[str]:
    return [what for _, what in await queue.due(now_ms, 100)]


async def test_a_process_reads_each_of_its_entries_once() -> None:
    """However often it polls: a poll passes over nothing that is done."""
    tables = Tables()
    queue = tables.process("a")
    for number in range(100):
        now_ms = NOON_MS + number * 250
        await queue.add((now_ms + 10_000, f"{number}"), now_ms)
        queue.finish(await queue.due(now_ms, 100))
    assert await due(queue, NOON_MS + 100_000) == [f"{number}" for number in range(60, 100)]
    assert tables.rows_read == 100


async def test_what_is_finished_before_it_is_due_is_not_given_out() -> None:
    """The hint of a recovery is finished long before its time, when its order was placed."""
    queue = Tables().process("a")
    for what in ("done", "left"):
        await queue.add((NOON_MS + 10_000, what), NOON_MS)
    queue.finish([(NOON_MS + 10_000, "done")])
    assert await due(queue, NOON_MS + 10_000) == ["left"]


async def test_an_entry_that_is_being_written_keeps_the_mark_back() -> None:
    """A look may come between its moment and the end of its write: it is found, and the mark has not passed it."""
    tables = Tables()
    queue = tables.process("a")
    await queue.add((NOON_MS, "first"), NOON_MS)
    queue.finish(await queue.due(NOON_MS, 9))
    tables.gate = asyncio.Event()
    adding = asyncio.create_task(queue.add((NOON_MS + 1, "slow"), NOON_MS + 1))
    await until(lambda: tables.log.count("work.insert") == 2, "it is being written")
    looking = asyncio.create_task(due(queue, NOON_MS + 3_000))
    await asyncio.sleep(0)
    tables.gate.set()
    assert await adding == (NOON_MS + 1, "slow")
    found = await looking
    assert tables.marks["due", "a.1"]["set"] <= NOON_MS + 1
    assert {*found, *await due(queue, NOON_MS + 3_001)} == {"slow"}


async def test_an_entry_that_is_written_while_a_look_is_under_way_is_found() -> None:
    """The look may have read its place before it was there, and the next one begins behind it."""
    tables = Tables()
    queue = tables.process("a")
    await queue.add((NOON_MS, "first"), NOON_MS)
    tables.read_gate = asyncio.Event()
    looking = asyncio.create_task(due(queue, NOON_MS + 1_000))
    await asyncio.sleep(0)
    await queue.add((NOON_MS + 1_000, "meanwhile"), NOON_MS + 1_000)
    tables.read_gate.set()
    found = set(await looking) | set(await due(queue, NOON_MS + 1_001))
    assert found == {"first", "meanwhile"}


async def test_a_write_that_got_no_answer_keeps_nothing_back() -> None:
    """Its change is not made either; whether the entry is there does not matter."""
    tables = Tables()
    queue = tables.process("a")
    await queue.add((NOON_MS, "first"), NOON_MS)
    tables.broken = True
    with pytest.raises(DatabaseOutcomeUnknown):
        await queue.add((NOON_MS, "lost"), NOON_MS)
    tables.broken = False
    queue.finish(await queue.due(NOON_MS, 9))
    assert await due(queue, NOON_MS + 5_000) == []
    assert tables.marks["due", "a.1"]["set"] == NOON_MS + 5_001


async def test_no_entry_is_written_behind_the_mark() -> None:
    """Not even when the clock is set back: it lies where the next look begins."""
    tables = Tables()
    queue = tables.process("a")
    await queue.add((NOON_MS, "cup"), NOON_MS)
    queue.finish(await queue.due(NOON_MS + 9_000, 9))
    at_ms, _ = await queue.add((NOON_MS, "cup"), NOON_MS)
    assert at_ms >= tables.marks["due", "a.1"]["set"]
    assert await due(queue, at_ms) == ["cup"]


@pytest.mark.parametrize(("idle_s", "back_s"), [(630, 60), (900, 600)])
async def test_an_entry_that_is_moved_on_is_not_behind_the_end_of_its_part(idle_s: int, back_s: int) -> None:
    """The others find it when its process dies, also if that had looked past the end before its clock was set back."""
    tables = Tables()
    dead, idle_ms = tables.process("a"), NOON_MS + idle_s * 1_000
    await dead.add((NOON_MS, "cup"), NOON_MS)
    dead.finish(await dead.due(NOON_MS, 9))
    await dead.due(idle_ms, 9)
    at_ms, _ = await dead.add((NOON_MS, "mug"), idle_ms - back_s * 1_000)
    assert at_ms <= max(row["end"] for row in tables.marks.values())
    other = tables.process("b")
    found = [await due(other, idle_ms + seconds * 1_000) for seconds in range(10)]
    assert ["mug"] in found


async def test_others_read_only_what_is_left_lying() -> None:
    """What a process has done is behind its mark, for the others too; what it has not is theirs after three seconds."""
    tables = Tables()
    first, other = tables.process("a"), tables.process("b")
    for what in ("done", "left"):
        await first.add((NOON_MS, what), NOON_MS)
    await first.add((NOON_MS + 1, "later"), NOON_MS)
    assert await due(first, NOON_MS) == ["done", "left"]
    first.finish([(NOON_MS, "done")])
    assert await due(other, NOON_MS + 2_999) == []
    assert tables.rows_read == 2
    first.finish([(NOON_MS, "left")])
    assert await due(first, NOON_MS + 5_000) == ["later"]
    assert await due(other, NOON_MS + 6_001) == ["later"]
    other.finish([(NOON_MS + 1, "later")])
    assert await due(other, NOON_MS + 7_001) == []
    first.finish([(NOON_MS + 1, "later")])
    await due(first, NOON_MS + 8_000)
    read = tables.rows_read
    assert await due(other, NOON_MS + 9_000) == []
    assert tables.rows_read == read


async def test_a_new_process_takes_over_from_one_that_died() -> None:
    """All that was not done, also what becomes due much later, and nothing that was done."""
    tables = Tables()
    dead = tables.process("a")
    await dead.add((NOON_MS, "done"), NOON_MS)
    dead.finish(await dead.due(NOON_MS + 500, 9))
    await dead.due(NOON_MS + 2_000, 9)
    await dead.add((NOON_MS + 2_500, "due"), NOON_MS + 2_500)
    await dead.add((NOON_MS + 5 * MINUTE_MS, "parcel"), NOON_MS + 2_500)
    new = tables.process("b")
    assert await due(new, NOON_MS + 8_000) == ["due"]
    new.finish([(NOON_MS + 2_500, "due")])
    assert await due(new, NOON_MS + 5 * MINUTE_MS + 2_999) == []
    assert await due(new, NOON_MS + 5 * MINUTE_MS + 6_000) == ["parcel"]


async def test_a_part_that_has_come_to_its_end_is_forgotten() -> None:
    """Minutes after its process died, when nothing can follow; a process that was only silent begins another one."""
    tables = Tables()
    silent, other = tables.process("a"), tables.process("b")
    await silent.add((NOON_MS, "cup"), NOON_MS)
    silent.finish(await silent.due(NOON_MS, 9))
    for seconds in range(0, 900, 5):
        assert await due(other, NOON_MS + seconds * 1_000) == (["cup"] if seconds == 5 else [])
        other.finish([(NOON_MS, "cup")])
    assert await tables.all("", "marks", ("due",)) == []
    later_ms = NOON_MS + 900_000
    await silent.add((later_ms, "mug"), later_ms)
    assert await due(other, later_ms + 6_000) == await due(silent, later_ms + 6_000) == ["mug"]


async def test_what_waits_for_long_is_not_forgotten() -> None:
    """A process that cannot finish its work goes on writing; the others find all of it when it has died."""
    tables = Tables()
    stuck, waiting = tables.process("a"), []
    for seconds in range(0, 25 * 60, 30):
        now_ms = NOON_MS + seconds * 1_000
        await stuck.add((now_ms, f"{seconds}"), now_ms)
        waiting.append(f"{seconds}")
        assert await due(stuck, now_ms) == waiting
    assert await due(tables.process("b"), NOON_MS + 25 * MINUTE_MS) == waiting


async def test_a_queue_that_is_idle_writes_nothing() -> None:
    """A backup needs two readings between which nothing changed."""
    tables = Tables()
    queue = tables.process("a")
    await queue.add((NOON_MS, "cup"), NOON_MS)
    queue.finish(await queue.due(NOON_MS, 9))
    await queue.due(NOON_MS + 2_000, 9)
    tables.log.clear()
    for seconds in range(3, 60):
        await queue.due(NOON_MS + seconds * 1_000, 9)
    assert set(tables.log) == {"marks.list"}


async def test_the_part_of_an_older_version_is_worked_off() -> None:
    """It was written by all processes; its mark is taken over, and its entries expire at its end."""
    tables = Tables()
    tables.entries["due", NOON] = {(NOON_MS + 1, "old"), (NOON_MS - 1, "late")}
    queue = tables.process("a")
    await queue.adopt("", NOON_MS, NOON_MS + 40 * DAY_MS)
    for now_ms in (NOON_MS + 6_000, NOON_MS + 7_000):
        assert await due(queue, now_ms) == ["late", "old"]
    queue.finish(await queue.due(NOON_MS + 7_000, 9))
    assert await due(queue, NOON_MS + 9_000) == []


async def test_a_poll_takes_up_a_bounded_number() -> None:
    """What is behind stays in the database until there is room for it, and is found in its order."""
    tables = Tables()
    queue = tables.process("a")
    for number in range(12):
        minute = NOON + number
        tables.entries["due@a.1", minute] = {(minute * MINUTE_MS, f"{number}-{n}") for n in range(2_000)}
    await queue.add((NOON_MS, "cup"), NOON_MS)
    await queue.add((NOON_MS + 12 * MINUTE_MS, "last"), NOON_MS)
    seen, now_ms = [], NOON_MS + 12 * MINUTE_MS
    await queue.due(now_ms, 1)
    assert tables.rows_read <= 12_001
    while found := await queue.due(now_ms, 500):
        seen += found
        queue.finish(found)
    assert len(seen) == len(set(seen)) == 24_002
    assert seen == sorted(seen)


async def test_a_full_room_stops_at_the_first_rows_and_not_at_an_empty_minute() -> None:
    """The last look at the minutes before it begins where nothing lies, when there is no more room."""
    tables = Tables()
    await tables.process("a").add((NOON_MS, "cup"), NOON_MS)
    tables.entries["due@a.1", NOON].update((NOON_MS + n, f"{n}") for n in range(11_000))
    found = await tables.process("b").due(NOON_MS + 5 * MINUTE_MS, 20_000)
    assert found == sorted(tables.entries["due@a.1", NOON])[: len(found)]
    assert 10_000 <= len(found) <= 11_001


async def test_what_one_part_has_is_given_out_when_the_next_cannot_be_read() -> None:
    """It may be one that is never readable again."""
    tables = Tables()
    for writer in ("a", "b"):
        await tables.process(writer).add((NOON_MS, f"of {writer}"), NOON_MS)
    other, tables.unreadable = tables.process("c"), "due@b.1"
    with pytest.raises(DatabaseUnavailable):
        await other.due(NOON_MS + 5_000, 9)
    assert await due(other, NOON_MS + 5_001) == ["of a"]
    tables.unreadable = ""
    assert await due(other, NOON_MS + 6_000) == ["of a", "of b"]


async def test_a_backlog_of_a_dead_process_is_worked_off() -> None:
    """More of it than there is room for became due within the five seconds that are read again."""
    tables = Tables()
    await tables.process("a").add((NOON_MS, "cup"), NOON_MS)
    tables.entries["due@a.1", NOON].update((NOON_MS + n // 3, f"{n}") for n in range(15_000))
    other, now_ms = tables.process("b"), NOON_MS + 5 * MINUTE_MS
    seen: list[Entry] = []
    while (found := await other.due(now_ms, 500)) and len(seen) <= 15_001:
        seen += found
        other.finish(found)
        now_ms += 300
    assert len(seen) == len(set(seen)) == 15_001
    assert seen == sorted(seen)


class NextTurn(asyncio.Event):
    """A gate that opens when all others that can run have run."""

    async def wait(self) -> Literal[True]:
        await asyncio.sleep(0)
        return True


async def test_after_a_long_time_many_minutes_are_read_at_once_and_each_once() -> None:
    """Days in which nothing ran are passed in a few steps."""
    tables = Tables()
    await tables.process("a").add((NOON_MS, "cup"), NOON_MS)
    tables.entries["due@a.1", NOON + 4_000] = {((NOON + 4_000) * MINUTE_MS, "parcel")}
    new, tables.read_gate = tables.process("b"), NextTurn()
    tables.marks["due", "a.1"]["end"] = (NOON + 4_010) * MINUTE_MS
    assert await due(new, (NOON + 4_005) * MINUTE_MS) == ["cup", "parcel"]
    assert tables.most_reading == 32
    assert tables.log.count("work.list") <= 4_008


async def test_a_failure_does_not_begin_a_long_look_anew() -> None:
    """What was read before it is not read again."""
    tables = Tables()
    await tables.process("a").add((NOON_MS, "cup"), NOON_MS)
    tables.marks["due", "a.1"]["end"] = (NOON + 4_010) * MINUTE_MS
    new, tables.breaks_at = tables.process("b"), NOON + 3_000
    with pytest.raises(DatabaseUnavailable):
        await new.due((NOON + 4_005) * MINUTE_MS, 9)
    read, tables.breaks_at = tables.log.count("work.list"), -1
    assert await due(new, (NOON + 4_005) * MINUTE_MS + 1_000) == ["cup"]
    assert tables.log.count("work.list") - read <= 1_050
