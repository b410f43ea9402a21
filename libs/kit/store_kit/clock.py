"""Time as a port: services ask a clock, tests own it.

Inside the shop a time is an integer of milliseconds since the epoch, UTC, in a name that ends in `_ms`.
RFC 3339 text exists only at the HTTP edge.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, Protocol

_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_MINUTE_MS: Final = 60_000


class Clock(Protocol):
    """What a service may ask about time."""

    def now_ms(self) -> int:
        """Return the milliseconds since the epoch, UTC."""

    async def sleep(self, seconds: float) -> None:
        """Return once `seconds` have passed on this clock."""


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Return the milliseconds since the epoch, UTC."""
        return time.time_ns() // 1_000_000

    async def sleep(self, seconds: float) -> None:
        """Sleep in real time."""
        await asyncio.sleep(seconds)


def rfc3339(ms: int) -> str:
    """Return a time in milliseconds since the epoch as RFC 3339 text in UTC, to the millisecond."""
    minute, rest = divmod(ms, _MINUTE_MS)
    second, millis = divmod(rest, 1000)
    return f"{_up_to_minute(minute)}{second:02}.{millis:03}Z"


@lru_cache(maxsize=1024)
def _up_to_minute(minute: int) -> str:
    """Return what all times of a minute begin with: the calendar is the dear part, and times shown come in swarms."""
    return f"{_EPOCH + timedelta(minutes=minute):%Y-%m-%dT%H:%M:}"
