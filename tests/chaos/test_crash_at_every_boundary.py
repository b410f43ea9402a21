"""SIGKILL at every boundary of every port that an order passes, found by watching it, not listed by hand.

Undisturbed orders are watched first: each call to each port of the four services that carries their ids is noted.
Then, for each side of each of those calls, another customer's order is killed right there, the shop starts again,
and recovery must make the books right: with the client coming back with its key, and without.

What no order of a scenario can do without (`effects.py`) must be among the boundaries, and a kill there must happen.
Of the others (looks of workers, second tries) some are luck: one is let off when orders that waited for it went all
their way without it, which is printed.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chaos.boundaries import Boundary
from tests.chaos.effects import is_certain, missing
from tests.chaos.grounds import Ground, Way, open_ground
from tests.chaos.stories import CANCELLING, DECLINED, MORE, PLACING, SCENARIOS, SHIPPING, Scenario, Story
from tests.support.services import test_cluster

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

LANES = {"embedded": 6, "four": 4} if test_cluster() is None else {"embedded": 2, "four": 1}
"""How many shops are killed side by side at most: most of the time each waits for a lease to end. One small Cassandra
does not bear the tables of many."""
DEATHS_WORTH_A_SHOP = 3
TRIES = 3
MEETINGS = 9
"""How many orders are sent to a boundary at most: on a slow machine some are turned back on their way there."""
ENDS_WITHIN_S = 60.0
RECOVERED_WITHIN_S = 4.0
TWICE_DEAD = 18


async def watched(ground: Ground, scenario: Scenario) -> set[Boundary]:
    """Return every boundary that an undisturbed order passes."""
    story = await Story.begin(ground, scenario)
    ground.watch(*story.marks)
    await story.act()
    await story.done()
    await ground.at_rest()
    ground.folder.disarm()
    passed = set(ground.folder.passed())
    await story.judge(await ground.books())
    changes = {found.detail for found in passed if found.method in ("insert_order", "advance_order")}
    assert changes == set(ground.insides.steps_of(story.order_id)), "a step of the order was not seen"
    return passed


async def boundaries_of(ground: Ground, scenario: Scenario) -> list[Boundary]:
    """Return the boundaries to die at: those of the scenario that the one it goes on from does not have.

    Two orders are watched: what only one of them passed (a second look of a worker) was a matter of luck.
    """
    known: set[Boundary] = set()
    if scenario.after:
        async with open_ground(ground.way, ground.data_dir / "after", scenario.after.env) as other:
            known = await watched(other, scenario.after)
    one, two = await watched(ground, scenario), await watched(ground, scenario)
    for boundary in sorted((one ^ two) - known):
        print(f"seen once of twice, left out: {boundary}")  # noqa: T201
    boundaries = sorted((one & two) - known)
    assert not missing(scenario.name, boundaries), "an effect has no boundary"
    return boundaries


@dataclass(frozen=True, slots=True)
class Death:
    """Where to die, whether the client comes back with its key, and how far recovery comes before it dies too."""

    at: Boundary
    returns: bool
    again: int | None = None


Choose = Callable[[Sequence[Boundary]], list[Death]]


async def killed_at(ground: Ground, scenario: Scenario, death: Death) -> Story:
    """Kill at one boundary, start again, recover; return the story, to be judged when all is at rest."""
    passed_by, other_ways = 0, []
    for _ in range(MEETINGS):
        story, died = await met(ground, scenario, death)
        if died:
            return await recovered(ground, story, death)
        if story.went_its_way():
            assert not is_certain(scenario.name, death.at), f"{story}, and never came there"
            passed_by += 1
        else:
            other_ways.append(str(story))
        if passed_by == TRIES:
            print(f"{passed_by} orders went all their way without it, let off: {death.at}")  # noqa: T201
            return story
    pytest.fail(f"of {MEETINGS} orders none came there, nor did {TRIES} go all their way: {other_ways}")


async def recovered(ground: Ground, story: Story, death: Death) -> Story:
    """Return the story once it rests again: its client came back if it is to, and recovery died too if it is to."""
    returning = asyncio.create_task(story.come_back()) if death.returns else None
    if death.again is not None:
        await ground.dies(RECOVERED_WITHIN_S)
        await ground.revive()
    if returning:
        await returning
    await story.add(MORE)
    await story.settled()
    return story


async def met(ground: Ground, scenario: Scenario, death: Death) -> tuple[Story, bool]:
    """Let an order go until it dies there, or is over; return its story, and whether it died. The shop runs again."""
    story = await Story.begin(ground, scenario)
    ground.watch(*story.marks, kill=death.at)
    acting = asyncio.create_task(story.act())
    died = await ground.dies_at(death.at, lambda: acting.done() and story.over(), story, ENDS_WITHIN_S)
    if died and death.again is not None:
        ground.watch(*story.marks, kill_nth=death.again)
    await ground.revive()
    await acting
    return story, died


async def run_lane(ground: Ground, scenario: Scenario, deaths: Sequence[Death]) -> None:
    """Die one death after the other on one shop, then judge all stories and the whole shop."""
    stories = []
    for death in deaths:
        with _naming(death):
            stories.append(await killed_at(ground, scenario, death))
    await ground.at_rest()
    books = await ground.books()
    for death, story in zip(deaths, stories, strict=True):
        with _naming(death):
            await story.judge(books)
    audited = await ground.audited()
    assert audited["ok"], audited["violations"]
    assert audited["passing"] == 0


async def run_all(
    way: Way, scenario: Scenario, data_dir: Path, choose: Callable[[list[Boundary]], list[Death]]
) -> None:
    """Find the boundaries, choose deaths, and die them on several shops side by side."""
    async with open_ground(way, data_dir / "0", scenario.env) as first:
        boundaries = await boundaries_of(first, scenario)
        deaths = choose(boundaries)
        lanes = min(LANES[way], -(-len(deaths) // DEATHS_WORTH_A_SHOP))
        print(f"{way} {scenario.name}: {len(boundaries)} boundaries, {len(deaths)} deaths")  # noqa: T201

        async def lane(number: int) -> None:
            async with open_ground(way, data_dir / str(number), scenario.env) as ground:
                await run_lane(ground, scenario, deaths[number::lanes])

        others = [lane(number) for number in range(1, lanes)]
        await asyncio.gather(run_lane(first, scenario, deaths[::lanes]), *others)


@contextlib.contextmanager
def _naming(death: Death) -> Iterator[None]:
    """Say which death it was that something went wrong after."""
    try:
        yield
    except Exception as error:
        raise AssertionError(f"killed {death.at}, {death}") from error


@pytest.mark.chaos
@pytest.mark.parametrize("way", LANES)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_every_boundary(way: Way, scenario: Scenario, tmp_path: Path) -> None:
    """Wherever an order's process dies, the restarted shop keeps every promise that was made."""
    both = (False,) if scenario.alone else (True, False)

    def choose(boundaries: Sequence[Boundary]) -> list[Death]:
        return [Death(boundary, returns) for boundary in boundaries for returns in both]

    await run_all(way, scenario, tmp_path, choose)


@pytest.mark.parametrize("scenario", [PLACING, CANCELLING, SHIPPING], ids=lambda scenario: scenario.name)
async def test_after_every_effect_of_the_order_service(scenario: Scenario, tmp_path: Path) -> None:
    """Of every boundary those that hurt most: what the order service ordered is done, and it has told nobody."""

    def choose(boundaries: Sequence[Boundary]) -> list[Death]:
        hurting = [
            b
            for b in boundaries
            if (b.service, b.when) == ("order", "after") and is_certain(scenario.name, b)
        ]
        return [Death(boundary, bool(number % 2)) for number, boundary in enumerate(hurting)]

    await run_all("embedded", scenario, tmp_path, choose)


@pytest.mark.chaos
@pytest.mark.parametrize(
    "scenario", [PLACING, DECLINED, CANCELLING, SHIPPING], ids=lambda scenario: scenario.name
)
async def test_recovery_dies_too(scenario: Scenario, rng: random.Random, tmp_path: Path) -> None:
    """A crash anywhere, then one at a random boundary of the recovery of it: still every promise is kept."""

    def choose(boundaries: Sequence[Boundary]) -> list[Death]:
        return [
            Death(rng.choice(boundaries), not scenario.alone and rng.random() < 0.5, rng.randint(1, 10))
            for _ in range(TWICE_DEAD)
        ]

    await run_all("embedded", scenario, tmp_path, choose)
