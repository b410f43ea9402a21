"""A thousand hints a second on a real node: a poll passes over nothing that is done, the server warns of nothing."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from store_kit.cassandra.gathered_writes import GatheredWrites
from store_kit.clock import SystemClock
from store_order.adapters.cassandra.work import CassandraWorkQueue
from store_order.adapters.stores import SCHEMA
from store_order.domain.steps import Hint, Queue

from tests.support.cassandra import Node
from tests.support.services import fresh_keyspace

pytestmark = [pytest.mark.anyio, pytest.mark.nodes, pytest.mark.slow]
SECONDS = 20
SLICES_A_SECOND = 20
HINTS_IN_A_SLICE = 50
TICK_S = 0.25
AT_ONCE = 64
NONE = 1
"""What `nodetool` calls none: it counts in classes, of which the lowest ends here."""


@pytest.fixture
async def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Node]:
    """Start a node of this test alone: its log and its figures are about nothing else."""
    with Node.alone(tmp_path) as started:
        monkeypatch.setenv("STORE_TEST_DATABASE", started.url)
        yield started


async def hinted(work: CassandraWorkQueue, clock: SystemClock) -> int:
    """Write hints of every queue at a steady pace, due at once or soon; return how many."""
    loop, written = asyncio.get_running_loop(), 0
    begun = loop.time()
    for number in range(SECONDS * SLICES_A_SECOND):
        queue, now_ms = list(Queue)[number % len(Queue)], clock.now_ms()
        hints = [
            Hint(queue, now_ms + soon % 10 * 500, f"{number}-{soon}", 1) for soon in range(HINTS_IN_A_SLICE)
        ]
        await work.schedule_hints(hints)
        written += len(hints)
        await asyncio.sleep(begun + (number + 1) / SLICES_A_SECOND - loop.time())
    return written


async def worked_off(work: CassandraWorkQueue, clock: SystemClock, queue: Queue) -> set[str]:
    """Poll as a worker does, again at once while there is something; return what was found, a while after the last."""
    seen: set[str] = set()
    silent = 0
    while silent < 8 / TICK_S:
        due = await work.list_due_hints(queue, clock.now_ms(), AT_ONCE)
        seen.update(hint.order_id for hint in due)
        await work.finish_hints(due)
        silent = 0 if due else silent + 1
        await asyncio.sleep(0 if due else TICK_S)
    return seen


async def test_a_poll_passes_over_nothing_that_is_done(node: Node) -> None:
    """Every hint is found, no read meets a tombstone, and the server warns of nothing."""
    async with fresh_keyspace("order", SCHEMA / "cassandra") as keyspace:
        clock = SystemClock()
        work = CassandraWorkQueue(keyspace, clock, GatheredWrites(keyspace, "announcements.insert"))
        polls = [asyncio.create_task(worked_off(work, clock, queue)) for queue in Queue]
        written = await hinted(work, clock)
        found = sum(map(len, await asyncio.gather(*polls)))
        stats = node.nodetool("tablestats", f"{keyspace.keyspace}.order_work")
    most = re.search(r"Maximum tombstones per slice \(last five minutes\): (\d+)", stats)
    log = (node.data / "logs/system.log").read_text()
    assert found == written == SECONDS * SLICES_A_SECOND * HINTS_IN_A_SLICE
    assert most, stats
    assert int(most[1]) <= NONE, f"{most[1]} tombstones in one read"
    assert "tombstone cells" not in log
