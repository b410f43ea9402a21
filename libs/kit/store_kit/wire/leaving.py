"""How a connection waits, and how it ends: refused, heard out for a moment, closed (docs/adr/0022)."""

import time
from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from store_kit.ids import trace_id_of
from store_kit.problems import Problem
from store_kit.telemetry.logs import get_logger
from store_kit.wire.admission import Room
from store_kit.wire.answers import answer_bytes
from store_kit.wire.connections import Connections, Since

_log: Final = get_logger("wire")
_HEARD_OUT: Final = 4 * 1024 * 1024
"""Bytes that are still taken from a client that was told to go."""
_ON_ITS_WAY_S: Final = 0.25
"""How long a request may be on its way to a connection that is about to close: its sender cannot know."""


class Leaving(HttpToolsProtocol):
    """What a connection has to do with the table of connections, and with its end; `Wire` reads and serves."""

    def __init__(self, *args: Any, table: Connections, **named: Any) -> None:
        super().__init__(*args, **named)
        self._table = table
        self._room: Room = cast("Room", None)
        self._place: Since = table.beginning
        self._serving = False
        self._kept = 0
        """Bytes since something was read whole: a message, a head, a piece of a body."""
        self._deaf = False
        self._goodbye = b""
        self._ending = False
        """Whether the service ends, so that what comes now is the last request."""

    @abstractmethod
    def time_is_up(self) -> None:
        """Refuse a request that does not arrive."""

    def pause_writing(self) -> None:
        """Note since when the client takes nothing."""
        self._table.stalled[self] = time.monotonic()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Note that it does."""
        self._table.stalled.pop(self, None)
        super().resume_writing()
        if self.transport.is_closing():
            self._table.stalled[self] = time.monotonic()

    def hang_up(self) -> None:
        """Close, once what was answered is sent."""
        self.transport.close()
        self._table.stalled.setdefault(self, time.monotonic())

    def _close_soon(self) -> None:
        """Grant a moment, once, to a request that is on its way; then close.

        A proxy may be sending one over a connection that rests. Cut off, it could not tell whether an order was placed.
        """
        if not self._ending:
            self.loop.call_later(_ON_ITS_WAY_S, self.shutdown)
        elif not self.transport.is_closing():
            self.hang_up()

    def abort(self) -> None:
        """Close at once."""
        self.transport.abort()

    def _move(self, place: Since, when: float) -> None:
        self._place.pop(self, None)
        self._place = place
        place[self] = when

    def _rest(self) -> None:
        self._move(self._table.resting, time.monotonic())

    def _refuse(self, problem: Problem) -> None:
        """Read nothing more; say why, behind the answers that are due before."""
        if not self._deaf:
            self._room.not_read(problem.slug)
            _log.debug("request.not_read", reason=problem.slug)
            trace_id = trace_of(self.headers or ())
            self._goodbye = answer_bytes(problem, self.server_state.default_headers, trace_id=trace_id)
        self._deaf = True
        if not self._serving:
            self._leave()

    def _leave(self) -> None:
        """Say goodbye; hear the client out for a moment, as closing at once would lose the words on their way."""
        if self._place is not self._table.leaving and not self.transport.is_closing():
            self.transport.write(self._goodbye)
            self.transport.write_eof()
            self._move(self._table.leaving, time.monotonic())

    def _hear_out(self, size: int) -> None:
        self._kept += size
        if self._kept > _HEARD_OUT:
            self.flow.pause_reading()


def trace_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return the trace that a request belongs to, or a new one."""
    return trace_id_of(next((value for name, value in headers if name == b"traceparent"), None))
