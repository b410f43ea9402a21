"""Rates: what is let through, when the next may come, and that the cost does not grow with the keys."""

import time
from dataclasses import dataclass

import pytest
from store_kit.rates import Limiter, Rate


@dataclass
class Now:
    s: float = 1000.0

    def __call__(self) -> float:
        return self.s


def limiter(text: str, now: Now, **more: int) -> Limiter:
    return Limiter(Rate.parse(text), now_s=now, **more)


@pytest.mark.parametrize("text", ["", "0/minute", "20", "20/week", "-1/second", "1/minute "])
def test_what_is_no_rate_is_refused(text: str) -> None:
    """A rate is written as a number, a slash and a period."""
    with pytest.raises(ValueError, match="is no rate"):
        Rate.parse(text)


def test_one_too_many_waits_until_there_is_room() -> None:
    """Beyond the limit each answer says after how long the next one passes, and then it does."""
    now = Now()
    counted = limiter("3/minute", now)
    assert [counted.hit("ann") for _ in range(3)] == [0, 0, 0]
    for _ in range(20):
        wait_s = counted.hit("ann")
        assert 0 < wait_s <= 80.001
        now.s += wait_s - 0.01
        assert counted.hit("ann") > 0
        now.s += 0.02
        assert counted.hit("ann") == 0


def test_keys_do_not_share() -> None:
    """Somebody else's attempts take no room; forgotten ones do not count."""
    counted = limiter("1/minute", Now())
    assert counted.hit("ann") == 0
    assert counted.hit("bob") == 0
    assert counted.hit("ann") > 0
    counted.forget("ann")
    assert counted.hit("ann") == 0


def test_what_is_old_is_dropped() -> None:
    """Two periods after the last attempt nothing is remembered."""
    now = Now()
    counted = limiter("5/second", now)
    for number in range(1000):
        counted.hit(str(number))
    now.s += 1
    counted.hit("next")
    assert len(counted) == 1001
    now.s += 2
    counted.hit("later")
    assert len(counted) == 1


def test_memory_is_bounded() -> None:
    """More keys than a window may hold end it early: the newest count, the oldest are forgotten."""
    counted = limiter("1/minute", Now(), most_keys=100)
    for number in range(10_000):
        assert counted.hit(str(number)) == 0
        assert len(counted) <= 200
    assert counted.hit("9999") > 0


def microseconds_a_hit(keys: int) -> float:
    counted = Limiter(Rate.parse("20/minute"))
    names = [f"{number:032d}" for number in range(keys)]
    for name in names:
        counted.hit(name)
    best = float("inf")
    for _ in range(5):
        begun = time.thread_time()  # of the processor: what others have of it meanwhile does not count
        for name in names[:1000]:
            counted.hit(name)
        best = min(best, time.thread_time() - begun)
    return best * 1000  # of a thousand, in milliseconds: of one, in microseconds


def test_an_attempt_costs_the_same_whatever_the_number_of_keys() -> None:
    """At 40 000 keys a hit costs at most four times that at 1 000, and 50 us at most."""
    few, many = microseconds_a_hit(1_000), microseconds_a_hit(40_000)
    assert many <= max(4 * few, 5.0)
    assert many <= 50
