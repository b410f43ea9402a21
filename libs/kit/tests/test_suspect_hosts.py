"""A host that did not answer is asked last, until the driver has given it up or it has proved to be well."""

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from cassandra import OperationTimedOut, Unavailable
from cassandra.cluster import ExecutionProfile
from cassandra.policies import RoundRobinPolicy, TokenAwarePolicy
from cassandra.query import tuple_factory
from store_kit.cassandra.hosts import SHUNNED_S, SuspectHosts, SuspectsLast
from store_kit.cassandra.loop_connection import Loop, LoopConnection
from store_kit.cassandra.prepared import Bound
from store_kit.cassandra.sent import Answer, Sent

HOSTS = ("one", "two", "three")


class InOrder(RoundRobinPolicy):  # type: ignore[misc]  # the driver ships no types
    """Asks the hosts in the order of their replicas."""

    def make_query_plan(self, *_: Any) -> Any:
        """Yield them all."""
        yield from HOSTS


class Now:
    """A clock that stands still."""

    seconds = 100.0

    def __call__(self) -> float:
        """Return what it shows."""
        return self.seconds


def plan(silent: SuspectHosts) -> list[Any]:
    """Return the hosts in the order in which a statement would be sent to them."""
    return list(SuspectsLast(TokenAwarePolicy(InOrder()), silent).make_query_plan())


def test_a_suspect_is_asked_last() -> None:
    """Last, not never: the only node of a cluster stays in use."""
    silent = SuspectHosts()
    silent.add("one")
    assert plan(silent) == ["two", "three", "one"]
    silent.add("two")
    silent.add("three")
    assert plan(silent) == list(HOSTS)


def test_a_suspect_is_forgiven() -> None:
    """After a while it has its place again by itself."""
    now = Now()
    silent = SuspectHosts(now)
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
async def test_only_a_host_that_does_not_answer_is_a_suspect(error: Exception, first: str) -> None:
    """A host that answers that it cannot do it is healthy; one that lets the time run out may not be."""
    silent = SuspectHosts()
    with pytest.raises(type(error)):
        await sent(silent, error)
    assert plan(silent)[0] == first


@pytest.mark.anyio
async def test_answers_and_failures_of_any_thread_reach_the_caller_once() -> None:
    """The time may run out while an answer is on its way; the first of the two counts."""
    silent = SuspectHosts()
    assert await sent(silent, [(1,)], [(2,)], Unavailable("late", 8, 2, 1)) == ([(1,)], None)
    gone = sent(silent)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone


def sent(silent: SuspectHosts, *outcomes: Any) -> "asyncio.Future[Answer]":
    """Return the answer to a statement that ends in one way after the other, on another thread."""
    loop = Loop(asyncio.get_running_loop())

    class Ending(Sent):
        def send_request(self, *_: Any) -> None:
            for outcome in outcomes:
                end = self._set_final_exception if isinstance(outcome, Exception) else self._set_final_result
                ending = threading.Thread(target=end, args=(outcome,))
                ending.start()
                ending.join()  # or it would be left to chance which of them is the first

    cluster = SimpleNamespace(connection_class=LoopConnection.on(loop))
    session = SimpleNamespace(cluster=cluster, keyspace="shop", _pools={})
    profile = ExecutionProfile(load_balancing_policy=InOrder(), row_factory=tuple_factory)
    bound = Bound(None, [], None, None, is_idempotent=False)
    return Ending(session, object(), bound, profile, 5.0, loop, silent).answer
