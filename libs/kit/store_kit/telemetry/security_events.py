"""Security events: who did what, and who was refused, by ids; never by names, addresses, tokens or passwords.

They are logged (ASVS 5.0, 16.3.1 to 16.3.3) and counted. An attacker must not fill the disk by being refused, so only
so many lines are written in a second; the count tells all.
"""

import time
from collections.abc import Callable
from typing import Any, Final

from store_kit.telemetry.logs import get_logger
from store_kit.telemetry.metrics import Metrics

KIT_EVENTS: Final = ("token.refused", "access.refused", "admin.requested")
"""What every service may tell: a bad access token, a role or scope that is not enough, an administrator's change."""
_LINES_A_SECOND: Final = 50


class SecurityEvents:
    """Tells security events of one service.

    Args:
        metrics: where they are counted.
        events: which ones there are besides those of every service.
        now_s: a clock that only goes forward, in seconds.
    """

    def __init__(
        self,
        metrics: Metrics,
        events: tuple[str, ...] = (),
        *,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = get_logger("security")
        self._now_s = now_s
        self._second = 0
        self._written = 0
        self._left_out = 0
        counter = metrics.counter("store_security_events_total", "Security events.", ("event",))
        # All are there from the start: a rate over a series that just appeared would miss its first step.
        self._counts = {event: counter.labels(event) for event in (*KIT_EVENTS, *events)}

    def record(self, event: str, **ids: Any) -> None:
        """Tell one event, named `noun.verbed`, with the ids of who and what."""
        self._counts[event].inc()
        second = int(self._now_s())
        if second != self._second:
            self._second, self._written = second, 0
        if self._written >= _LINES_A_SECOND:
            self._left_out += 1
            return
        self._written += 1
        if self._left_out:
            ids["left_out_before"], self._left_out = self._left_out, 0
        self._log.info(event, **ids)
