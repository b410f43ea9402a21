"""A host of the cluster that hangs is asked last until the driver has given it up or it was silent by accident."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from cassandra import OperationTimedOut, Unavailable
from cassandra.policies import RoundRobinPolicy, TokenAwarePolicy
from store_kit.cassandra_driver import SHUNNED_S, Answers, Silent, SilentLast

HOSTS = ("one", "two", "three")


class InOrder(RoundRobinPolicy):  # type: ignore[misc]  # the driver ships no types
    """Asks the hosts in the order of their replicas."""

    def make_query_plan(self, *_: Any) -> Any:
        """Yield them all."""
        yield from HOSTS


class Sent:
    """A statement that fails at once."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def add_callbacks(
        self, _ok: Any, failed: Callable[..., None], _a: Any, _b: Any, args: Any, _c: Any
    ) -> None:
        """Tell it."""
        failed(self._error, *args)


class Now:
    """A clock that stands."""

    seconds = 100.0

    def __call__(self) -> float:
        """Return what it shows."""
        return self.seconds


def plan(silent: Silent) -> list[Any]:
    """Return the hosts in the order in which a statement would be sent to them."""
    return list(SilentLast(TokenAwarePolicy(InOrder()), silent).make_query_plan())


def test_a_silent_host_is_asked_last() -> None:
    """It is asked when nobody else can be, not never: the only node of a cluster stays in use."""
    silent = Silent()
    silent.add("one")
    assert plan(silent) == ["two", "three", "one"]
    silent.add("two")
    silent.add("three")
    assert plan(silent) == list(HOSTS)


def test_a_silent_host_is_forgiven() -> None:
    """After a while it has its place again, without anybody asking for it."""
    now = Now()
    silent = Silent(now)
    silent.add("one")
    now.seconds += SHUNNED_S
    assert plan(silent) == list(HOSTS)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("error", "first"),
    [
        (OperationTimedOut(last_host="one"), "two"),
        (OperationTimedOut(), "one"),
        (Unavailable("two are down", 8, 2, 1), "one"),
    ],
    ids=["hangs", "nobody was asked", "answers that it cannot"],
)
async def test_only_who_does_not_answer_is_silent(error: Exception, first: str) -> None:
    """A host that answers that it cannot do it is well; one that lets its time run out is not."""
    silent = Silent()
    with pytest.raises(type(error)):
        await Answers(asyncio.get_running_loop(), silent).of(Sent(error))
    assert plan(silent)[0] == first
