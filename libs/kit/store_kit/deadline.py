"""The time budget of a request: set at the edge, carried from service to service, spent by every call."""

import time
from collections.abc import Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any, Final

BUDGET_HEADER: Final = "store-timeout-ms"
"""The request header that carries what is left of the budget, in milliseconds."""

_BEGAN: Final = "store.began"
_HEADER: Final = BUDGET_HEADER.encode()
_DIGITS: Final = 9

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


def start_budget(seconds: float) -> None:
    """Give the current task and all it calls `seconds` from now."""
    _deadline.set(time.monotonic() + seconds)


def start_requested_budget(
    scope: Mapping[str, Any], headers: Mapping[bytes, bytes], longest_s: float
) -> None:
    """Give the current task what a request allows; the time that the request took to arrive is spent of it."""
    _deadline.set(scope.get(_BEGAN, time.monotonic()) + asked_budget_s(headers, longest_s))


def remaining_s(default: float) -> float:
    """Return the seconds left of the budget; `default` where none was started. May be negative."""
    deadline = _deadline.get()
    return default if deadline is None else deadline - time.monotonic()


def asked_budget_s(headers: Mapping[bytes, bytes], longest_s: float) -> float:
    """Return the budget that a request names, in seconds; never more than `longest_s`, which is the usual one."""
    asked = headers.get(_HEADER)
    if asked is not None and asked.isdigit() and len(asked) <= _DIGITS:
        return min(int(asked) / 1000, longest_s)
    return longest_s


def note_arrival(scope: MutableMapping[str, Any], began: float) -> None:
    """Note that a request began to arrive at `began` (`time.monotonic`) and takes a while."""
    scope[_BEGAN] = began
