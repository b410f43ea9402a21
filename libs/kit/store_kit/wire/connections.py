"""The connections of a listener: how many there may be, how long each may keep others waiting, who goes first."""

import contextlib
import resource
import time
from collections.abc import Iterable, Mapping
from typing import Final, Protocol

KEEP_ALIVE_S: Final = 75.0
"""How long a connection may rest between two requests."""
_STALLED_S: Final = 30.0
"""How long a client may take nothing of an answer that it was sent."""
_LEAVING_S: Final = 2.0
"""How long a client that was told to go is heard out: closing at once would lose the answer on its way."""
_GATEWAY_SHARE: Final = 0.4
_SERVICES_SHARE: Final = 0.2
_ALONE_SHARE: Final = 0.5
_MOST_HELD_BYTES: Final = 64 * 1024 * 1024
"""How much half bodies may occupy together: each one is bounded, but there may be thousands of them."""
_UNLIMITED: Final = 1_048_576
"""What is asked for where the system names no limit of open files."""


class Connection(Protocol):
    """What the table below does to a connection that has had its time."""

    def time_is_up(self) -> None:
        """Refuse a request that does not arrive."""

    def hang_up(self) -> None:
        """Close: nothing is under way."""

    def abort(self) -> None:
        """Close without sending what is left to send."""


Since = dict[Connection, float]
"""Connections and the time from which they count, in the order of that time."""


class Connections:
    """The connections of one listener by what they wait for; times are those of `time.monotonic`.

    A connection whose request is being served waits for nothing of its client and is in none of the tables.

    Args:
        limit: how many there may be.
        head_timeout_s: how long the head of a request may take from its first byte, or from the connection.
    """

    def __init__(self, limit: int, head_timeout_s: float) -> None:
        self.limit = limit
        self._head_timeout_s = head_timeout_s
        self.resting: Since = {}
        """Between two requests."""
        self.beginning: Since = {}
        """New, or with half a head."""
        self.sending: Since = {}
        """With half a body; the time is the one at which it must be whole."""
        self.stalled: Since = {}
        """With an answer that the client does not take."""
        self.leaving: Since = {}
        """Told to go."""
        self.held: dict[Connection, int] = {}
        """The sizes of half bodies, in bytes."""
        self._held_bytes = 0

    def hold(self, connection: Connection, size: int) -> None:
        """Note the size of a half body; when all of them are too large together, refuse the largest."""
        self._held_bytes += size - self.held.get(connection, 0)
        self.held[connection] = size
        while self._held_bytes > _MOST_HELD_BYTES:
            largest = max(self.held, key=self.held.__getitem__)
            self.sending.pop(largest, None)
            self.release(largest)
            largest.time_is_up()

    def release(self, connection: Connection) -> None:
        """Note that the body of a connection is whole, or given up."""
        self._held_bytes -= self.held.pop(connection, 0)

    def forget(self, connection: Connection) -> None:
        """Drop a connection that is closed."""
        self.release(connection)
        for table in (self.resting, self.beginning, self.sending, self.stalled, self.leaving):
            table.pop(connection, None)

    def give_up_one(self) -> bool:
        """Close the connection that has been idle for longest, or else one whose request is not whole.

        Return:
            whether there was one; all others have a request in hand.
        """
        idle = [table for table in (self.resting, self.beginning) if table]
        table = self.leaving or min(idle, key=_oldest, default=self.sending)
        for connection in table:
            del table[connection]
            connection.hang_up()
            return True
        return False

    def sweep(self) -> None:
        """Part with everybody whose time is up."""
        now = time.monotonic()
        for connection in _until(self.resting, now - KEEP_ALIVE_S):
            connection.hang_up()
        for connection in _until(self.beginning, now - self._head_timeout_s):
            connection.time_is_up()
        for connection in [late for late, until in self.sending.items() if until <= now]:
            del self.sending[connection]
            connection.time_is_up()
        for connection in _until(self.leaving, now - _LEAVING_S):
            connection.hang_up()
        for connection in _until(self.stalled, now - _STALLED_S):
            connection.abort()


def _oldest(table: Since) -> float:
    return next(iter(table.values()))


def _until(table: Since, latest: float) -> Iterable[Connection]:
    """Take those out that are in a table since `latest` or longer."""
    found = []
    for connection, since in table.items():
        if since > latest:
            break
        found.append(connection)
    for connection in found:
        del table[connection]
    return found


def raise_file_limit() -> int:
    """Let this process open as many files as it may at most (RLIMIT_NOFILE); return how many that are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if hard != resource.RLIM_INFINITY else _UNLIMITED
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # Some systems name a hard limit that they do not grant; then the soft one stays as it is.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return soft if soft != resource.RLIM_INFINITY else _UNLIMITED


def connection_limits(wanted: int, files: int, *, with_gateway: bool) -> Mapping[str, int]:
    """Return how many connections the gateway and the service ports of a process may have.

    Whatever is wanted, files must be left: for databases and logs, and for our own ends of the connections
    between services.

    Args:
        wanted: the setting.
        files: how many files the process may open.
        with_gateway: whether the process has a gateway port.
    """
    if not with_gateway:
        return {"services": min(wanted, int(files * _ALONE_SHARE))}
    return {
        "gateway": min(wanted, int(files * _GATEWAY_SHARE)),
        "services": min(wanted, int(files * _SERVICES_SHARE)),
    }
