"""Which hosts a statement is sent to, and when it is sent to another one."""

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from cassandra.policies import RetryPolicy, TokenAwarePolicy, WrapperPolicy
from cassandra.pool import Host

SHUNNED_S: Final = 8.0
"""How long a suspect is asked last: longer than the heartbeat takes to find out whether it hangs."""
_MORE_HOSTS: Final = 2


class NoRetry(RetryPolicy):  # type: ignore[misc]  # the driver ships no types
    """Never send a statement a second time, as the driver's own policy does: it may have been applied."""

    def on_read_timeout(self, *_: Any, **__: Any) -> tuple[int, None]:
        """Give the error to the caller."""
        return self.RETHROW, None

    on_write_timeout = on_unavailable = on_request_error = on_read_timeout


class RetryReadsOnNextHost(NoRetry):
    """Send a read to the next host when a connection broke: reading twice does no harm."""

    def on_request_error(
        self, _query: Any, _consistency: Any, error: Any, retry_num: int
    ) -> tuple[int, None]:
        """Try two more hosts."""
        del error
        return (self.RETRY_NEXT_HOST if retry_num < _MORE_HOSTS else self.RETHROW), None


class SuspectHosts:
    """Hosts that have just failed to answer: they may hang with their connections open.

    Args:
        now: seconds that only grow.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._until: dict[Host, float] = {}

    def __contains__(self, host: Host) -> bool:
        return self._until.get(host, 0.0) > self._now()

    def add(self, host: Host) -> None:
        """Remember that a host did not answer; it is forgiven after a while."""
        self._until[host] = self._now() + SHUNNED_S


class SuspectsLast(WrapperPolicy):  # type: ignore[misc]  # the driver ships no types
    """Ask suspects only when there are no other hosts.

    Without this, all statements whose first replica hangs would wait in vain until the heartbeat has found out, even
    those that try to learn what became of a write.
    """

    def __init__(self, child: TokenAwarePolicy, suspects: SuspectHosts) -> None:
        super().__init__(child)
        self._suspects = suspects

    def make_query_plan(self, working_keyspace: str | None = None, query: Any = None) -> Iterator[Host]:
        """Yield the hosts to ask, one after the other."""
        last = []
        for host in self._child_policy.make_query_plan(working_keyspace, query):
            if host in self._suspects:
                last.append(host)
            else:
                yield host
        yield from last
