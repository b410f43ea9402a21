"""Rows of several partitions that are written at the same time: how they are sent, and what becomes of them."""

import asyncio
from typing import cast

import pytest
from store_kit.cassandra.gathered_writes import GatheredWrites
from store_kit.cassandra.keyspace import Cassandra, Statement
from store_kit.problems import DatabaseOutcomeUnknown

from tests.support.wait import until

pytestmark = pytest.mark.anyio


class Table:
    """Takes batches of rows, each as soon as the test says so; some partitions do not answer."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.go = asyncio.Event()
        self.silent: set[str] = set()

    async def write(self, operation: str, *statements: Statement) -> None:
        assert operation == "notes.insert"
        self.batches.append([str(params[0]) for _, params in statements])
        await self.go.wait()
        if self.silent & set(self.batches[-1]):
            raise DatabaseOutcomeUnknown("No answer.")

    def gathered(self) -> GatheredWrites:
        return GatheredWrites(cast("Cassandra", self), "notes.insert")


def row(name: str) -> Statement:
    return "INSERT", (name,)


async def test_what_comes_at_the_same_time_is_one_batch_and_the_rest_is_the_next() -> None:
    """Rows of one partition are side by side; what comes while a batch is under way waits for it."""
    table = Table()
    writes = table.gathered()
    first = [asyncio.create_task(writes.write(name[0], row(name))) for name in ("a1", "b1", "a2")]
    await until(lambda: bool(table.batches), "the first batch is under way")
    then = [asyncio.create_task(writes.write("c", row(f"c{number}"))) for number in range(3)]
    await asyncio.sleep(0)
    assert table.batches == [["a1", "a2", "b1"]]
    assert not any(task.done() for task in (*first, *then)), "an answer means that it is durable"
    table.go.set()
    await asyncio.gather(*first, *then)
    assert table.batches[1:] == [["c0", "c1", "c2"]]


async def test_a_batch_has_few_partitions_and_fails_alone() -> None:
    """More than a node takes without a complaint are several batches; one of them that fails is not the others."""
    table = Table()
    table.silent = {"p3"}
    table.go.set()
    writes = table.gathered()
    outcomes = await asyncio.gather(
        *(writes.write(f"p{number}", row(f"p{number}")) for number in range(25)), return_exceptions=True
    )
    assert [len(batch) for batch in table.batches] == [10, 10, 5]
    failed = [number for number, outcome in enumerate(outcomes) if outcome is not None]
    assert failed == list(range(10))
    assert all(isinstance(outcomes[number], DatabaseOutcomeUnknown) for number in failed)


async def test_a_batch_of_several_partitions_is_small() -> None:
    """A node refuses large ones; the rows of one partition are one change for it, however many."""
    table = Table()
    table.go.set()
    writes = table.gathered()
    rows = [(name, f"{name}{number}") for name in "abc" for number in range(40 if name == "b" else 10)]
    await asyncio.gather(*(writes.write(partition, row(name)) for partition, name in rows))
    assert [(batch[0], len(batch)) for batch in table.batches] == [("a0", 10), ("b0", 40), ("c0", 10)]
