"""SIGKILL at every boundary of every port that an order passes, found by watching it, not listed by hand.

An undisturbed order is watched first: each call to each port of the four services that carries its ids is recorded.
Then, for each side of each of those calls, another customer's order is killed right there, the shop starts again,
and recovery must make the books right: with the client coming back with its key, and without.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.chaos.boundaries import Boundary
from tests.chaos.grounds import Ground, Way, open_ground
from tests.chaos.stories import MORE, SCENARIOS, Scenario, Story

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

LANES = {"embedded": 6, "four": 4}
"""How many shops are killed side by side: most of the time each waits for a lease to end."""
_POLLS = ("catalog", "feed", "since")
"""What follows the change feed looks by a clock of its own; whether it looks during a story is a matter of luck."""
TRIES = 3
COMES_WITHIN_S = 6.0


async def watched(ground: Ground, scenario: Scenario) -> list[Boundary]:
    """Return every boundary that an undisturbed order passes, in no particular order, each once."""
    story = await Story.begin(ground, scenario)
    ground.watch(*story.marks)
    await story.act()
    await story.done()
    await ground.at_rest()
    passed = {
        found for found in ground.folder.passed() if (found.service, found.port, found.method) != _POLLS
    }
    ground.folder.disarm()
    await story.judge(await ground.books())
    return sorted(passed)


async def boundaries_of(ground: Ground, scenario: Scenario) -> list[Boundary]:
    """Return the boundaries to die at: those of the scenario that the one it goes on from does not have."""
    known = set(await watched(ground, scenario.after)) if scenario.after else set()
    return [boundary for boundary in await watched(ground, scenario) if boundary not in known]


async def killed_at(ground: Ground, scenario: Scenario, boundary: Boundary, *, returns: bool) -> Story:
    """Kill at one boundary, start again, recover; return the story, to be judged when all is at rest."""
    for _ in range(TRIES):
        story = await Story.begin(ground, scenario)
        ground.watch(*story.marks, kill=boundary)
        acting = asyncio.create_task(story.act())
        died = await ground.dies_at(boundary, COMES_WITHIN_S)
        await ground.revive()
        await acting
        if died:
            break
    else:
        pytest.fail(f"no order came {boundary}")
    if returns:
        await story.come_back()
    await story.add(MORE)
    await story.settled()
    return story


async def run_lane(ground: Ground, scenario: Scenario, deaths: Sequence[tuple[Boundary, bool]]) -> None:
    """Die one death after the other on one shop, then judge all stories and the whole shop."""
    stories = []
    for boundary, returns in deaths:
        try:
            stories.append(await killed_at(ground, scenario, boundary, returns=returns))
        except AssertionError as error:
            raise AssertionError(f"killed {boundary}, client returns: {returns}") from error
    await ground.at_rest()
    books = await ground.books()
    for (boundary, returns), story in zip(deaths, stories, strict=True):
        try:
            await story.judge(books)
        except AssertionError as error:
            raise AssertionError(f"killed {boundary}, client returns: {returns}") from error
    audited = await ground.audited()
    assert audited["ok"], audited["violations"]
    assert len(books.orders) >= audited["passing"] == 0


@pytest.mark.chaos
@pytest.mark.parametrize("way", LANES)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_every_boundary(way: Way, scenario: Scenario, tmp_path: Path) -> None:
    """Wherever an order's process dies, the restarted shop keeps every promise that was made."""
    async with open_ground(way, tmp_path / "0", scenario.env) as first:
        boundaries = await boundaries_of(first, scenario)
        deaths = [
            (boundary, returns)
            for boundary in boundaries
            for returns in ((False,) if scenario.alone else (True, False))
        ]
        print(f"{way} {scenario.name}: {len(boundaries)} boundaries, {len(deaths)} deaths")  # noqa: T201
        lanes = LANES[way]

        async def lane(number: int) -> None:
            async with open_ground(way, tmp_path / str(number), scenario.env) as ground:
                await run_lane(ground, scenario, deaths[number::lanes])

        await asyncio.gather(
            run_lane(first, scenario, deaths[::lanes]), *(lane(number) for number in range(1, lanes))
        )
