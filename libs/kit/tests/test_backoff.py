"""Pauses between tries grow, are of random length, and end."""

import time

import pytest
from store_kit.backoff import Backoff
from store_kit.cassandra.keyed_lock import Contention
from store_kit.problems import DatabaseUnavailable

pytestmark = pytest.mark.anyio


async def _pauses(backoff: Backoff, most: int = 100) -> list[float]:
    """Make all pauses, up to so many, and return how long they took."""
    took: list[float] = []
    started = time.monotonic()
    while len(took) < most and await backoff.pause():
        took.append(time.monotonic() - started)
        started = time.monotonic()
    return took


async def test_pauses_grow_up_to_the_longest() -> None:
    """Each is at least half as long as it may be."""
    took = await _pauses(Backoff(0.002, 0.008), most=5)
    assert all(
        seconds >= least for seconds, least in zip(took, (0.001, 0.002, 0.004, 0.004, 0.004), strict=True)
    )


async def test_there_are_no_more_tries_than_wanted() -> None:
    """Behind the last one there is nothing to wait for."""
    assert len(await _pauses(Backoff(0.0001, 0.0001, tries=4))) == 3


async def test_pauses_end_with_their_time() -> None:
    """A pause that would end too late is not begun, whoever asks for it."""
    assert not await Backoff(10.0, 10.0, within_s=1.0).pause()
    assert not await Backoff(0.001, 0.001, within_s=1.0).pause(at_least_s=10.0)
    assert await Backoff(0.001, 0.001, within_s=10.0).pause(at_least_s=0.002)


async def test_there_is_no_pause_before_a_try_that_cannot_succeed() -> None:
    """The caller is told at once."""
    assert not await Backoff(10.0, 10.0, hopeless=lambda: True).pause()


async def test_a_caller_that_always_loses_gives_up() -> None:
    """It hears that nothing was written, and may come again."""
    contention = Contention()
    for _ in range(23):
        await contention.lost()
    with pytest.raises(DatabaseUnavailable):
        await contention.lost()
