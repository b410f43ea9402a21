"""Every listener of the embedded shop keeps within bounds, whatever comes over the wire."""

import asyncio
from collections.abc import Sequence
from typing import Final

import pytest

from tests.support.shop import EmbeddedShop
from tests.wire.cases import CASES, CONTINUE, PLAIN, TOO_SLOW, Case, Target
from tests.wire.talking import Answer, call, exchange, is_open

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

TARGETS: Final = {
    "gateway": Target(b"/.well-known/jwks.json", b"/api/users"),
    "catalog": Target(b"/health/live", b"/api/products"),
    "cart": Target(b"/health/live", b"/api/cart/items"),
    "order": Target(b"/health/live", b"/api/orders"),
    "user": Target(b"/health/live", b"/api/users"),
}


async def must_answer(
    port: int, target: Target, case: Case, expected: Sequence[int], *, ours: bool = True
) -> None:
    """Say what the case says; the answers are those of the table, problems are documents, bounds hold.

    A listener that is not `ours` may keep its connection: what a service refuses behind it is no concern of it.
    """
    wanted = [await plain(port, target) if status == PLAIN else status for status in expected]
    async with await call(port) as talk:
        speaking = asyncio.create_task(talk.say(*case.say(target)))
        while len(talk.answers) < len(wanted) and await talk.hear() is not None:
            pass
        await speaking
        assert [answer.status for answer in talk.answers] == wanted, case.name
        for answer in talk.answers:
            must_be_told(answer)
        if case.stays and ours:
            assert await is_open(talk, target.next()), case.name
        elif ours:
            assert await talk.hear() is None, case.name


async def plain(port: int, target: Target) -> int:
    """Return the status that the body gets when it is sent as usual."""
    return (await exchange(port, target.with_length() + target.body))[0].status


def must_be_told(answer: Answer) -> None:
    """Pass an answer that is no error, or says as a problem document what is wrong."""
    if answer.status >= 400:
        assert answer.problem["detail"]
    else:
        assert answer.status == CONTINUE or answer.body


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_what_a_listener_answers(shop: EmbeddedShop, case: Case) -> None:
    """All five listeners answer as the table says, at the same time."""
    await asyncio.gather(
        *(must_answer(shop.ports[name], target, case, case.answers) for name, target in TARGETS.items())
    )


async def test_what_takes_too_long(shop: EmbeddedShop) -> None:
    """Whoever does not send a whole request in time is told so and cut off, at every stage of it."""
    await asyncio.gather(
        *(
            must_answer(shop.ports[name], target, case, case.answers)
            for name, target in TARGETS.items()
            for case in TOO_SLOW
        )
    )


async def test_the_bodies_of_the_table_are_read(shop: EmbeddedShop) -> None:
    """What the table calls plain is a refusal that only a body which arrived can get, where no sign-in comes first."""
    assert {name: await plain(shop.ports[name], target) for name, target in TARGETS.items()} == {
        "gateway": 422,
        "catalog": 401,
        "cart": 422,
        "order": 401,
        "user": 422,
    }
