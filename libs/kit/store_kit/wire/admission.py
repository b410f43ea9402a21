"""How many requests are in hand, and who is refused when there are too many (docs/adr/0023).

People enter at the gateway or, where services run apart, at the service ports. There the requests in hand are
bounded: who is too many hears so at once. What services ask each other has no bound of its own: each such call is
part of a request that was let in, and refusing it would waste what was done for that request.
"""

import asyncio
import functools
from collections.abc import Callable, Mapping
from typing import Final, Literal

from starlette.types import Scope

from store_kit.telemetry.metrics import Metrics
from store_kit.wire.rules import NOT_READ

_LANE: Final = "store.lane"
_VITAL: Final = frozenset(
    {"/health/live", "/health/ready", "/metrics", "/api/system/health", "/.well-known/jwks.json"}
)
"""What watches the shop, and the keys without which nobody can be recognised."""
_VITAL_ROOM: Final = 32
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_ACCOUNTS: Final = ("/api/auth/", "/api/users")
_INTERNAL: Final = "/internal/"
_KEPT_FOR_READS: Final = 8
"""One in so many places stays for readers, however many orders there are."""

Name = Literal["vital", "internal", "accounts", "reads", "orders"]


class Lane:
    """Requests of one kind that are in hand."""

    __slots__ = ("in_hand", "refused", "tasks")

    def __init__(self, tasks: set[asyncio.Task[None]]) -> None:
        self.tasks = tasks
        self.in_hand = 0
        self.refused: Callable[[], None] = _not_counted

    def leave(self, task: asyncio.Task[None]) -> None:
        """Take one out of the count: the task that serves it is done."""
        self.in_hand -= 1
        self.tasks.discard(task)


def _not_counted(_reason: str = "") -> None:
    """Stand for a counter where nobody looks."""


class Room:
    """The requests in hand at one port.

    Orders come before lists: as orders fill the room they take the places of readers, all but the last eighth,
    so that a shop full of orders can still be looked at. Accounts have as many places of their own, since passwords
    take long and must not stand in the way of orders; so have the few requests that watch the shop.

    Args:
        size: how many may be in hand.
        tasks: those that serve requests; one that is done leaves it.
        inside: whether other services call at this port; at the gateway nobody is let in as one.
    """

    def __init__(self, size: int, tasks: set[asyncio.Task[None]], *, inside: bool) -> None:
        self._size = size
        self._least = max(1, size // _KEPT_FOR_READS)
        self._inside = inside
        self.not_read: Callable[[str], None] = _not_counted
        names: tuple[Name, ...] = ("vital", "internal", "accounts", "reads", "orders")
        self.lanes: Mapping[Name, Lane] = {name: Lane(tasks) for name in names}
        self._vital, self._internal, self._accounts, self._reads, self._orders = self.lanes.values()

    def admit(self, scope: Scope) -> Lane | None:
        """Return the lane of a request that may come in and is counted there from now on, or None: it is refused."""
        method, path = scope["method"], scope["path"]
        if path in _VITAL:
            lane, places = self._vital, _VITAL_ROOM
        elif method in _READS:
            lane, places = self._reads, max(self._size - self._orders.in_hand, self._least)
        elif path.startswith(_ACCOUNTS):
            lane, places = self._accounts, self._size
        else:
            lane, places = self._orders, self._size
        if self._inside and path.startswith(_INTERNAL):
            # Not by what a header says: behind this path everybody but a service is turned away before
            # anything is done or waited for, so that nobody can fill the room of others through it.
            lane, places = self._internal, self._internal.in_hand + 1
        if lane.in_hand >= places:
            lane.refused()
            return None
        lane.in_hand += 1
        scope[_LANE] = lane
        return lane

    def show(self, metrics: Metrics, listener: str) -> None:
        """Show in metrics what is in hand, what was refused and what never arrived whole."""
        for name, lane in self.lanes.items():
            metrics.requests_in_hand.labels(listener, name).set_function(functools.partial(_in_hand, lane))
            lane.refused = metrics.requests_refused.labels(listener, name).inc
        for (
            reason
        ) in NOT_READ:  # shown from the start: a rate misses the first step of a series that just appeared
            metrics.requests_not_read.labels(listener, reason)
        self.not_read = lambda reason: metrics.requests_not_read.labels(listener, reason).inc()


def _in_hand(lane: Lane) -> float:
    return lane.in_hand


def step_aside(scope: Scope) -> None:
    """Count the request of this task no longer: it waits for long and does nothing, as an event stream does.

    Whoever calls this bounds such requests in another way.
    """
    lane: Lane | None = scope.get(_LANE)
    task = asyncio.current_task()
    if lane is not None and task is not None and task.remove_done_callback(lane.leave):
        lane.in_hand -= 1
        task.add_done_callback(lane.tasks.discard)
