"""Whether a SQLite file could be used lately: what failed, logged once, and when it is time to try a write."""

import time
from typing import Final

from store_kit.problems import Problem
from store_kit.telemetry.logs import get_logger

TRY_EVERY_S: Final = 5.0
"""How old the last successful write may be before a health check makes one of its own."""
TRY_AGAIN_S: Final = 1.0
"""The same while writes fail."""


class Health:
    """How the last operations on a file ended.

    Args:
        label: the file, for the log.
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._log = get_logger("sqlite")
        self._trouble: Problem | None = None
        self._reason = ""
        self._worked_at = self._tried_at = 0.0
        self._tried = False

    def worked(self) -> None:
        """Note that a write was stored."""
        self._worked_at = time.monotonic()
        if self._trouble is not None:
            self._log.warning("database.recovered", database=self._label)
            self._trouble, self._reason = None, ""

    def failed(self, reason: str, problem: Problem) -> None:
        """Note that the file could not be used; logged once for each reason, not for each request."""
        if reason != self._reason:
            self._log.error("database.failed", database=self._label, reason=reason)
        self._trouble, self._reason = problem, reason

    def wants_a_try(self) -> bool:
        """Whether the last write is so long ago that a check should make one; asking counts as trying."""
        now = time.monotonic()
        last = self._tried_at if self._trouble else max(self._tried_at, self._worked_at)
        pause_s = TRY_AGAIN_S if self._trouble else TRY_EVERY_S
        if self._tried and now - last < pause_s:
            return False
        self._tried, self._tried_at = True, now
        return True

    def must_be_good(self) -> None:
        """Pass when the last operation worked.

        Raises:
            Problem: the one that the last operation failed with.
        """
        if self._trouble is not None:
            raise self._trouble
