"""The circuit breaker on a clock of the test's own."""

from store_kit.client.breaker import Breaker, State


def test_late_results_say_nothing() -> None:
    """What began before the circuit opened neither opens it again once it has rested, nor closes it."""
    now = 0.0
    breaker = Breaker(2, 10.0, now_s=lambda: now)
    early = breaker.period
    states = []
    for later, report in (
        (0, breaker.failed),
        (0, breaker.failed),
        (10, breaker.failed),
        (0, breaker.succeeded),
    ):
        now += later
        report(early)
        states.append(breaker.state)
    assert states == [State.CLOSED, State.OPEN, State.HALF_OPEN, State.HALF_OPEN]


def test_half_open_one_result_decides() -> None:
    """After the rest one failure opens the circuit again, one success closes it."""
    now = 0.0
    breaker = Breaker(2, 10.0, now_s=lambda: now)
    states = []
    for later, report in (
        (0, breaker.failed),
        (0, breaker.failed),
        (10, breaker.failed),
        (10, breaker.succeeded),
    ):
        now += later
        report(breaker.period)
        states.append(breaker.state)
    assert states == [State.CLOSED, State.OPEN, State.OPEN, State.CLOSED]
    breaker.failed(breaker.period)
    assert breaker.state is State.CLOSED
