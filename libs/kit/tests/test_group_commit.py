import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from store_kit.deadline import remaining_s, start_budget
from store_kit.group_commit import GroupCommit
from store_kit.problems import OutcomeUnknown

pytestmark = pytest.mark.anyio


class Desk:
    """Commits what it is given once the door is open, and notes in which groups it came."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, list[int]]] = []
        self.door = asyncio.Event()
        self.budgets: list[float] = []

    async def commit(self, key: str, work: Sequence[int]) -> list[Any]:
        self.seen.append((key, list(work)))
        self.budgets.append(remaining_s(99))
        await self.door.wait()
        if 13 in work:
            raise ValueError("13")
        return [ValueError("odd") if number % 2 else number * 10 for number in work]


async def test_what_waits_while_a_group_is_committed_is_the_next_one() -> None:
    """The first caller goes alone; all that come meanwhile go together, in their order and up to a limit."""
    desk = Desk()
    groups = GroupCommit(desk.commit, most=3)
    first = asyncio.create_task(groups.submit("a", 0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others = [asyncio.create_task(groups.submit("a", number)) for number in (2, 4, 6, 8)]
    elsewhere = asyncio.create_task(groups.submit("b", 10))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert desk.seen == [("a", [0]), ("b", [10])]
    desk.door.set()
    assert await asyncio.gather(first, *others, elsewhere) == [0, 20, 40, 60, 80, 100]
    assert desk.seen[2:] == [("a", [2, 4, 6]), ("a", [8])]


async def test_each_caller_gets_its_own_answer() -> None:
    """The error of one caller does not concern the others; an error of the group is raised to all."""
    desk = Desk()
    desk.door.set()
    groups = GroupCommit(desk.commit)
    answers = await asyncio.gather(*(groups.submit("a", n) for n in (1, 2)), return_exceptions=True)
    assert [str(answer) for answer in answers] == ["odd", "20"]
    answers = await asyncio.gather(*(groups.submit("b", n) for n in (13, 2)), return_exceptions=True)
    assert [str(answer) for answer in answers] == ["13", "13"]
    assert await groups.submit("b", 4) == 40


async def test_cancelled_work_is_not_done() -> None:
    """A commit may hand on that one of its statements was cancelled; its callers were not, and do not know more."""

    async def commit(_: str, work: Sequence[int]) -> list[Any]:
        return [asyncio.CancelledError() for _ in work]

    with pytest.raises(OutcomeUnknown):
        await GroupCommit(commit).submit("a", 1)


async def test_a_commit_may_have_nothing_to_tell() -> None:
    """Then every caller hears that its work is done, and no more."""

    async def commit(_key: str, _work: Sequence[int]) -> None:
        """Do it."""

    assert await GroupCommit(commit).submit("a", 1) is None


async def test_a_group_outlives_the_caller_that_began_it() -> None:
    """The first caller's time budget is not that of the group, and a caller that leaves takes nothing with it."""
    desk = Desk()
    groups = GroupCommit(desk.commit)

    async def hasty() -> None:
        start_budget(0.01)
        await groups.submit("a", 2)

    with pytest.raises(OutcomeUnknown):
        await asyncio.create_task(hasty())
    leaving = asyncio.create_task(groups.submit("a", 4))
    staying = asyncio.create_task(groups.submit("a", 6))
    await asyncio.sleep(0)
    leaving.cancel()
    desk.door.set()
    assert await staying == 60
    assert desk.budgets == [99, 99]
    assert desk.seen == [("a", [2]), ("a", [4, 6])]
