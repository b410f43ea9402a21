"""How often something may happen: counted per key in two windows of time, at the same cost whatever the number of keys.

A window is one dictionary. When its time is over it becomes the one before, and the one before that is dropped whole:
nothing ever walks over the keys. What is counted is an estimate (the window before counts for the part of it that still
lies within one period), as in the sliding windows of many gateways.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

RATE_PATTERN: Final = r"^[1-9][0-9]{0,8}/(second|minute|hour|day)$"
"""How a setting writes a rate: `20/minute`."""
_PERIODS_S: Final = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0}
_MOST_KEYS: Final = 100_000
"""Keys of one window, some 15 MB; when more come, the window ends early and older counts are forgotten sooner."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in a period."""

    limit: int
    period_s: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `20/minute`.

        Raises:
            ValueError: it is not written so.
        """
        if not re.match(RATE_PATTERN, text):
            raise ValueError(f"{text!r} is no rate; write one like 20/minute")
        limit, _, period = text.partition("/")
        return cls(int(limit), _PERIODS_S[period])


class Limiter:
    """Counts per key, in this process alone; each replica counts its own.

    Args:
        rate: how many of one key may happen in a period.
        now_s: a clock that only goes forward, in seconds.
        most_keys: how many keys one window may hold.
    """

    def __init__(
        self, rate: Rate, *, now_s: Callable[[], float] = time.monotonic, most_keys: int = _MOST_KEYS
    ) -> None:
        self._rate = rate
        self._now_s = now_s
        self._most_keys = most_keys
        self._began_s = now_s()
        self._window: dict[str, int] = {}
        self._before: dict[str, int] = {}

    def hit(self, key: str) -> float:
        """Count one and return 0; of one too many return the seconds until the next may come, and do not count it."""
        passed = self._turn()
        now, before = self._window.get(key, 0), self._before.get(key, 0)
        if before * (1 - passed) + now + 1 > self._rate.limit:
            return self._wait(now, before, passed)
        if now == 0 and len(self._window) >= self._most_keys:
            self._rotate(self._now_s())
        self._window[key] = self._window.get(key, 0) + 1
        return 0.0

    def forget(self, key: str) -> None:
        """Begin anew with a key."""
        self._window.pop(key, None)
        self._before.pop(key, None)

    def __len__(self) -> int:
        """Return how many keys are remembered."""
        return len(self._window) + len(self._before)

    def _turn(self) -> float:
        """Begin a new window when it is time; return how much of the present one has passed, from 0 to 1."""
        now_s, period_s = self._now_s(), self._rate.period_s
        windows = int((now_s - self._began_s) / period_s)
        if windows == 1:
            self._rotate(self._began_s + period_s)
        elif windows > 1:
            self._rotate(self._began_s + windows * period_s)
            self._before = {}
        return min(1.0, (now_s - self._began_s) / period_s)

    def _rotate(self, began_s: float) -> None:
        self._began_s, self._before, self._window = began_s, self._window, {}

    def _wait(self, now: int, before: int, passed: float) -> float:
        """Return the seconds until the estimate leaves room for one more."""
        room = self._rate.limit - 1 - now
        if room >= 0:
            return (1 - room / before - passed) * self._rate.period_s
        return (1 - passed + 1 - (self._rate.limit - 1) / now) * self._rate.period_s
