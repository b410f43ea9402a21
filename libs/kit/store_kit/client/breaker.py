"""The circuit to a peer: a dead peer is noticed once, not by every request that waits for its timeout."""

import time
from collections.abc import Callable
from enum import IntEnum


class State(IntEnum):
    """Of a circuit, as the metric `store_breaker_state` shows it."""

    CLOSED = 0
    HALF_OPEN = 1
    """It has rested: what the next call meets decides."""
    OPEN = 2


class Breaker:
    """Opens after failures in a row and rests; then one success closes it, one failure opens it again.

    A call that began before the circuit opened says nothing of the peer as it is now, so each result comes with the
    `period` in which its call began.

    Args:
        threshold: how many failures open it.
        rest_s: how long it rests.
        now_s: a clock that never goes back.
    """

    def __init__(self, threshold: int, rest_s: float, *, now_s: Callable[[], float] = time.monotonic) -> None:
        self._threshold = threshold
        self._rest_s = rest_s
        self._now_s = now_s
        self._failures = 0
        self._rests_until: float | None = None
        self.period = 0
        """Grows with every opening."""
        self.troubled = False
        """Whether the last result was a failure; while it is not, there is nothing to ask or tell the breaker."""

    @property
    def state(self) -> State:
        """What the next call will meet."""
        if self._rests_until is None:
            return State.CLOSED
        return State.OPEN if self._now_s() < self._rests_until else State.HALF_OPEN

    def succeeded(self, period: int) -> None:
        """Count a success."""
        if period == self.period:
            self._failures, self._rests_until, self.troubled = 0, None, False

    def failed(self, period: int) -> None:
        """Count a failure."""
        if period == self.period:
            self._failures, self.troubled = self._failures + 1, True
            if self._failures >= self._threshold:
                self._rests_until = self._now_s() + self._rest_s
                self.period += 1
