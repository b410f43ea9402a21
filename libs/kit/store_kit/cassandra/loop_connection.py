"""The driver's connections on our own event loop instead of a thread of the driver's (ADR 44).

With a thread in between each statement wakes it two or three times, and each answer wakes ours: the two take the
interpreter's lock from each other all the time.
"""

import asyncio
import heapq
import itertools
import math
import ssl
import time
from collections import deque
from collections.abc import Callable
from threading import get_ident
from typing import Any, ClassVar, Final

from cassandra import OperationTimedOut
from cassandra.connection import (
    Connection,
    ConnectionBusy,
    ConnectionException,
    ConnectionShutdown,
    ProtocolError,
)
from cassandra.segment import CrcException

from store_kit.cassandra.segments import Frames, Segments

_READ_AT_MOST: Final = 65_536
"""More than a record of TLS holds: what is left unread lies in the kernel, and the loop is told of it."""
_NOT_NOW: Final = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_TIME_TO_ANSWER_S: Final = 2.0
"""How long a node that was asked for a sign of life has, from the loop's next turn on, before silence counts."""
_SEGMENTS: Final = Segments()


class Loop:
    """An event loop that other threads may call into. It is created on the loop's own thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.asyncio = loop
        self._thread = get_ident()

    @property
    def is_here(self) -> bool:
        """Whether the caller runs on it."""
        return get_ident() == self._thread

    def soon(self, call: Callable[..., object], *args: Any) -> None:
        """Call soon, from whichever thread.

        Raises:
            RuntimeError: the loop is closed.
        """
        if get_ident() == self._thread:
            self.asyncio.call_soon(call, *args)
        else:
            self.asyncio.call_soon_threadsafe(call, *args)


class Timer:
    """Calls back once, unless it is cancelled, from whichever thread."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        """Do not call back, and drop the reference to the callback."""
        self.callback = None

    def ring(self) -> None:
        """Call back now: it may have been cancelled a moment ago."""
        if self.callback is not None:
            self.callback()


class Timers:
    """Timers of a loop, nearly all of which are cancelled: the loop is only told of the next one that is not.

    A timer of the loop's own for each statement costs more than sending it.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._waiting: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()
        self._next_at = math.inf

    def add(self, timeout_s: float, callback: Callable[[], object]) -> Timer:
        """Return a timer that has begun, from whichever thread.

        Raises:
            RuntimeError: the loop is closed.
        """
        timer = Timer(callback)
        entry = (self._loop.asyncio.time() + timeout_s, next(self._numbers), timer)
        if self._loop.is_here:
            self._push(entry)
        else:
            self._loop.soon(self._push, entry)
        return timer

    def _push(self, entry: tuple[float, int, Timer]) -> None:
        heapq.heappush(self._waiting, entry)
        if entry[0] < self._next_at:
            self._arm()

    def _arm(self) -> None:
        while self._waiting and self._waiting[0][-1].callback is None:
            heapq.heappop(self._waiting)
        if self._waiting and self._waiting[0][0] < self._next_at:
            self._next_at = self._waiting[0][0]
            self._loop.asyncio.call_at(self._next_at, self._ring, self._next_at)

    def _ring(self, at: float) -> None:
        if at == self._next_at:
            self._next_at = math.inf
        now = self._loop.asyncio.time()
        while self._waiting and self._waiting[0][0] <= now:
            self._loop.asyncio.call_soon(heapq.heappop(self._waiting)[-1].ring)
        self._arm()


class LoopConnection(Connection):  # type: ignore[misc]  # the driver ships no types
    """A connection that is served by an event loop: made on another thread, which may block; used on any."""

    loop: ClassVar[Loop]
    timers: ClassVar[Timers]
    is_closed: bool
    _socket_writable: bool

    @classmethod
    def on(cls, loop: Loop) -> type["LoopConnection"]:
        """Return the class of the connections of one loop: the driver makes them, and timers, from the class alone."""
        return type(cls.__name__, (cls,), {"loop": loop, "timers": Timers(loop)})

    @classmethod
    def create_timer(cls, timeout: float, callback: Callable[[], object]) -> Timer:
        """Call back after a while; what is returned can be cancelled."""
        return cls.timers.add(timeout, callback)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._unsent: deque[bytes] = deque()
        self._flushing = False
        self._frames = Frames()
        self._turned_at = -math.inf
        self._connect_socket()
        self._socket.setblocking(False)
        try:
            self.loop.soon(self._listen)
        except RuntimeError as error:
            self._socket.close()
            raise ConnectionShutdown("The event loop is closed.") from error
        self._send_options_message()

    def _enable_checksumming(self) -> None:
        super()._enable_checksumming()
        self._segment_codec = _SEGMENTS

    def push(self, data: bytes) -> None:
        """Send soon, together with what else is sent in this turn of the loop."""
        self._unsent.append(data)  # before the test below, or it could be left lying
        if not self._flushing:
            self._flushing = True
            self._on_loop(self._flush)

    def send_msg(self, msg: Any, request_id: int, *args: Any, **kwargs: Any) -> int:
        """Send a message; where there is no room its number is given back, which the driver forgets."""
        try:
            sent: int = super().send_msg(msg, request_id, *args, **kwargs)
        except ConnectionBusy:
            with self.lock:
                self.in_flight -= 1
                self.request_ids.append(request_id)
            raise
        return sent

    def close(self) -> None:
        """Hang up; whoever waits for an answer is told."""
        with self.lock:
            if self.is_closed:
                return
            self.is_closed = True
        if not self.connected_event.is_set():
            # Or the driver takes it for a good one: it looks for an error alone.
            self.last_error = ConnectionShutdown(
                f"Connection to {self.endpoint} was closed before it was ready"
            )
        self._on_loop(self._hang_up)
        if not self.is_defunct:
            self.error_all_requests(ConnectionShutdown(f"Connection to {self.endpoint} was closed"))
            self.connected_event.set()

    # The next two are the heartbeat's, on a thread of its own. A loop that stands still for a while, as in a process
    # that is debugged, reads no answer: that is no fault of the node.

    @property
    def is_idle(self) -> bool:
        """Whether nothing was heard from the node, which is then asked for a sign of life."""
        idle: bool = super().is_idle
        if idle:
            self._turned_at = math.inf
            self._on_loop(self._turn)
        return idle

    def defunct(self, exc: Exception) -> Exception | None:
        """Give the connection up, unless the node was asked for a sign of life and had no time to give one."""
        if isinstance(exc, OperationTimedOut) and time.monotonic() - self._turned_at < _TIME_TO_ANSWER_S:
            return None
        given_up: Exception | None = super().defunct(exc)
        return given_up

    def _on_loop(self, call: Callable[[], None]) -> None:
        try:
            self.loop.soon(call)
        except RuntimeError:  # the loop is closed, and watches nothing any more
            self._socket.close()

    # The rest runs on the loop.

    def _turn(self) -> None:
        self._turned_at = time.monotonic()

    def _listen(self) -> None:
        if not self.is_closed:
            self.loop.asyncio.add_reader(self._socket.fileno(), self._read)

    def _hang_up(self) -> None:
        if self._socket.fileno() >= 0:
            self.loop.asyncio.remove_reader(self._socket.fileno())
            self.loop.asyncio.remove_writer(self._socket.fileno())
            self._socket.close()

    def _read(self) -> None:
        try:
            received = self._socket.recv(_READ_AT_MOST)
        except _NOT_NOW:
            return
        except OSError as error:
            self.defunct(error)
            return
        if not received:
            self.close()
        elif self._is_checksumming_enabled:
            self._take(received)
        else:
            self._iobuf.write(received)
            self.process_io_buffer()

    def _take(self, received: bytes) -> None:
        try:
            for head, body in self._frames.of(received):
                self.process_msg(head, body)
        except (CrcException, ProtocolError) as error:
            self.defunct(ConnectionException(str(error), self.endpoint))

    def _flush(self) -> None:
        self._flushing = False  # before the loop below: what is pushed now is flushed once more
        if self.is_closed or not self._unsent:
            return
        data = b"".join(self._taken())
        try:
            sent = self._socket.send(data)
        except _NOT_NOW:
            sent = 0
        except OSError as error:
            self.defunct(error)
            return
        if sent < len(data):
            self._unsent.appendleft(data[sent:])
        self._wait_for_room(wait=sent < len(data))

    def _taken(self) -> list[bytes]:
        """Return what is to be sent: another thread may add to it meanwhile."""
        return [self._unsent.popleft() for _ in range(len(self._unsent))]

    def _wait_for_room(self, *, wait: bool) -> None:
        """While there is no room, the driver sends no more here."""
        if wait is self._socket_writable:
            self._socket_writable = not wait
            if wait:
                self.loop.asyncio.add_writer(self._socket.fileno(), self._flush)
            else:
                self.loop.asyncio.remove_writer(self._socket.fileno())
