"""Event streams: they last, so each account may have a few, and they take no place among the requests in hand."""

import asyncio
from collections import Counter

from starlette.types import Scope

from store_kit.problems import TooManyRequests
from store_kit.wire.admission import step_aside

_RETRY_AFTER_S = 5


class Streams:
    """The open event streams of this process, by account.

    Args:
        limit: how many one account may have.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: Counter[str] = Counter()

    def begin(self, scope: Scope, account: str) -> None:
        """Count the stream that this task is about to send, until the task ends.

        Raises:
            TooManyRequests: the account has as many as it may have.
        """
        if self._open[account] >= self._limit:
            raise TooManyRequests(
                f"You follow {self._limit} streams already; end one of them first.",
                retry_after_s=_RETRY_AFTER_S,
            )
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a stream is sent by a task")
        self._open[account] += 1
        task.add_done_callback(lambda _: self._end(account))
        step_aside(scope)

    def _end(self, account: str) -> None:
        self._open[account] -= 1
        if not self._open[account]:
            del self._open[account]
