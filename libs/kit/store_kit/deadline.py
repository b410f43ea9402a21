"""The time budget of a request: set at the edge, carried from service to service, spent by every call."""

import time
from contextvars import ContextVar
from typing import Final

BUDGET_HEADER: Final = "store-timeout-ms"
"""The request header that carries what is left of the budget, in milliseconds."""

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


def start_budget(seconds: float) -> None:
    """Give the current task and all it calls `seconds` from now."""
    _deadline.set(time.monotonic() + seconds)


def remaining_s(default: float) -> float:
    """Return the seconds left of the budget; `default` where none was started. May be negative."""
    deadline = _deadline.get()
    return default if deadline is None else deadline - time.monotonic()
