"""Every conditional write of the shop, its answer lost, itself lost, or late: there is one effect in the end."""

import asyncio
import contextlib
import uuid
from dataclasses import dataclass
from typing import Any

import pytest
from store_kit.cassandra.keyspace import Cassandra
from store_kit.problems import OutcomeUnknown, Unavailable

from tests.cassandra.proxied import Keyspaces, through
from tests.cassandra.scenario import Rivalry, Scenario, Stage, Step
from tests.cassandra.scenarios import RIVALRIES, SCENARIOS
from tests.support.conditional_writes import conditional_writes
from tests.support.cql_proxy import CqlProxy, Fault, Trap
from tests.support.wait import until

pytestmark = [pytest.mark.anyio, pytest.mark.cassandra]
STATEMENTS = conditional_writes()
CASES = [
    pytest.param(scenario, fault, stage, id=f"{scenario}-{fault.name.lower()}-{stage.name.lower()}")
    for scenario in SCENARIOS
    for stage in Stage
    if stage in scenario.stages
    for fault in Fault
]


@dataclass
class Said:
    """What a caller was told."""

    answer: Any = None
    doubts: int = 0


@pytest.mark.parametrize(("scenario", "fault", "stage"), CASES)
async def test_a_conditional_write_in_doubt_has_one_effect(
    proxy: CqlProxy, keyspaces: Keyspaces, scenario: Scenario, fault: Fault, stage: Stage
) -> None:
    """Callers hear success or an honest doubt that a repeat resolves; what comes late changes nothing."""
    direct, key = await keyspaces.of(scenario.service), uuid.uuid4().hex
    await scenario.prepare(direct, key)
    trap = _trap(proxy, scenario, fault, stage)
    if stage is Stage.CRASH:
        await _crash(proxy, direct, scenario, key, trap)
    async with through(proxy, direct) as db:
        step = scenario.recover if stage is Stage.CRASH and scenario.recover else scenario.play
        said = await _until_told(step, db, key)
        assert trap.sprung.is_set(), "the statement was never sent"
        if stage is not Stage.CRASH and not said.doubts:
            assert said.answer in scenario.told
        effect = await scenario.effect(direct, key)
        assert effect in scenario.ends
        await trap.release()
        assert await scenario.effect(direct, key) == effect, "what came late had an effect"
        await _until_told(step, db, key)
        assert await scenario.effect(direct, key) == effect, "a repeat had an effect"
    if fault is Fault.LOSE_ANSWER:
        assert trap.answers[0].says_applied, "what was lost must have been applied for this to prove anything"


@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.name.lower())
@pytest.mark.parametrize("rivalry", RIVALRIES, ids=str)
async def test_a_caller_in_doubt_learns_who_won(
    proxy: CqlProxy, keyspaces: Keyspaces, rivalry: Rivalry, fault: Fault
) -> None:
    """When another comes between a try and the search for its outcome, only one wins, and each is told the truth."""
    direct, key = await keyspaces.of(rivalry.service), uuid.uuid4().hex
    await rivalry.prepare(direct, key)

    rivals: list[Any] = []

    async def meanwhile() -> None:
        rivals.append(await rivalry.rival(direct, key))

    trap = proxy.set(Trap(STATEMENTS[rivalry.statement], fault, meanwhile=meanwhile))
    async with through(proxy, direct) as db:
        said = await _until_told(rivalry.play, db, key)
    assert trap.sprung.is_set(), "the statement was never sent"
    outcome = await rivalry.outcome(direct, key)
    assert (said.answer, *rivals, outcome) in rivalry.ends
    await trap.release()
    assert await rivalry.outcome(direct, key) == outcome, "what came late had an effect"


def _trap(proxy: CqlProxy, scenario: Scenario, fault: Fault, stage: Stage) -> Trap:
    again = stage is Stage.RETRY_TOO
    cql = STATEMENTS[scenario.statement]
    nth = (scenario.at, scenario.at + 1) if again else (scenario.at,)
    return proxy.set(Trap(cql, fault, nth=nth, next_too=again))


async def _crash(proxy: CqlProxy, direct: Cassandra, scenario: Scenario, key: str, trap: Trap) -> None:
    """Play until the fault happens, then let the process be gone: no goodbye, no further word."""
    async with through(proxy, direct) as db:
        playing = asyncio.ensure_future(scenario.play(db, key))
        sprung = asyncio.ensure_future(trap.sprung.wait())
        await asyncio.wait((playing, sprung), return_when=asyncio.FIRST_COMPLETED)
        assert sprung.done(), f"the statement was never sent: {playing}"
        proxy.cut_all()
        playing.cancel()
        with contextlib.suppress(asyncio.CancelledError, OutcomeUnknown, Unavailable):
            await playing


async def _until_told(step: Step, db: Cassandra, key: str) -> Said:
    """Repeat a step as callers do as long as they are told that it is in doubt or cannot be done now."""
    said = Said()

    async def told() -> bool:
        try:
            said.answer = await step(db, key)
        except (OutcomeUnknown, Unavailable):
            said.doubts += 1
            return False
        return True

    await until(told, "the caller is told what happened", 30)
    return said
