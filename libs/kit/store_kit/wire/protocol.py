"""HTTP/1.1 over a connection: uvicorn's protocol within bounds (docs/adr/0022), by docs/private_doors.md.

What differs from uvicorn's own: nothing is kept before a limit has looked at it; an offer to upgrade is ignored and
the message served as it is; an application is called once its request has arrived whole, so that half a request
occupies nothing but its connection; too many requests are refused before a task is made for them.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import unquote

import httptools
from starlette.types import Scope
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT

from store_kit.deadline import asked_budget_s, note_arrival
from store_kit.ids import new_trace_id
from store_kit.problems import BadRequest
from store_kit.wire.admission import Lane, Room
from store_kit.wire.answers import overloaded
from store_kit.wire.connections import Connections, Since
from store_kit.wire.exchange import Exchange, standing_lines
from store_kit.wire.leaving import Leaving, trace_of
from store_kit.wire.rules import (
    ABANDONED,
    NO_PROXY,
    TOO_MANY,
    Limits,
    Refused,
    head_too_large,
    is_host,
    must_name_its_host,
    too_slow,
    what_is_wrong,
)

_IDLE, _HEAD, _BODY = range(3)
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_LONGEST_PIPELINE: Final = 32
"""Requests that a client may have sent ahead; what comes after them is left to another connection."""
_NOWHERE: Final[Since] = {}
"""Where a connection waits whose request is being served."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """What the connections of one listener share."""

    limits: Limits
    connections: Connections
    rooms: Mapping[int, Room]
    """Port -> who may come in there."""


class Wire(Leaving):
    """One connection.

    A request is at one of three stages: none has begun, its head is coming, its body is coming. Once it is whole it
    is served, or waits for its turn while the one before it is.
    """

    scope: Any
    cycle: Any
    pipeline: Any

    def __init__(self, *args: Any, entrance: Entrance, **named: Any) -> None:
        super().__init__(*args, table=entrance.connections, **named)
        self._limits = entrance.limits
        self._rooms = entrance.rooms
        self._stage = _IDLE
        self._keep_alive, self._offer = True, False
        self._hosts = 0
        self._good_host = True
        self._trailers = 0
        self._body: bytes | bytearray = b""
        self._early: Exchange | None = None
        """What is served, or will be, although its body is still coming: it is larger than is read."""
        self._segment, self._progress = 0, False

    # What the transport tells.

    def connection_made(self, transport: Any) -> None:
        """Begin, if there is room for one more connection."""
        super().connection_made(transport)
        self._room = self._rooms[cast("tuple[str, int]", self.server)[1]]
        if len(self.connections) > self._table.limit and not self._table.give_up_one():
            self._room.lanes["reads"].refused()
            transport.write(overloaded(new_trace_id(), close=True))
            self._deaf = True
            self.hang_up()
        else:
            self._move(self._table.beginning, time.monotonic())

    def connection_lost(self, exc: Exception | None) -> None:
        """End; a request that had not arrived whole was never begun, and is nobody's fault."""
        if self._stage != _IDLE and not self._deaf:
            self._room.not_read(ABANDONED)
        self._table.forget(self)
        self.pipeline.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; what is not whole afterwards has limits."""
        if self._deaf:
            self._hear_out(len(data))
            return
        self._segment = len(data)
        self._progress = False
        unread: int | None = None
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            unread = offer.args[0]
        except httptools.HttpParserError as error:
            self._refuse(what_is_wrong(error))
        if unread is not None:
            self._decline(memoryview(data)[unread:])
        if self._stage != _IDLE and not self._deaf:
            self._unfinished()

    # What the table of connections and the server tell.

    def time_is_up(self) -> None:
        """Refuse a request that does not arrive."""
        if self._stage == _IDLE or self._early is not None:
            self.hang_up()
        else:
            self._body = b""
            self._refuse(too_slow(head=self._stage == _HEAD))

    def shutdown(self) -> None:
        """Close; finish the request in hand before, also one whose body is still coming, or that is on its way."""
        if self._serving:
            self.cycle.keep_alive = False
        elif self._stage == _BODY and not self._deaf:
            self._keep_alive = False
        elif self._deaf:
            self.hang_up()
        else:
            self._close_soon()
        self._ending = True

    # What the parser finds.

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._stage = _HEAD
        self._offer = False
        self._hosts = self._trailers = 0
        self._good_host = True
        self._body = b""

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head; those behind a body (trailers) are counted and nothing else (RFC 9110, 6.5.1)."""
        if self._stage == _BODY:
            self._trailers += 1
            if self._trailers > self._limits.head_fields:
                raise Refused(head_too_large(self._limits))
            return
        name = name.lower()
        if name == b"host":
            self._hosts += 1
            self._good_host = self._good_host and is_host(value)
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        headers = self.headers
        headers.append((name, value))
        if len(headers) > self._limits.head_fields:
            raise Refused(head_too_large(self._limits))

    def on_headers_complete(self) -> None:
        """Look at a head that is whole."""
        parser, scope = self.parser, self.scope
        self._stage = _BODY
        self._must_fit()
        version, method = parser.get_http_version(), parser.get_method().decode("ascii")
        if version != "1.1":
            scope["http_version"] = version
        must_name_its_host(version, self._hosts, good=self._good_host)
        if parser.should_upgrade():
            if method == "CONNECT":
                raise Refused(NO_PROXY)
            # httptools takes what follows for another protocol: `data_received` reads it again.
            self._offer = True
            return
        scope["method"] = method
        url = httptools.parse_url(self.url)
        scope["raw_path"] = raw_path = url.path
        path = raw_path.decode("ascii")
        scope["path"] = unquote(path) if "%" in path else path
        scope["query_string"] = url.query or b""
        self._keep_alive = version == "1.1" and parser.should_keep_alive() and not self._ending

    def on_body(self, body: bytes) -> None:
        """Keep a piece of a body; more than is read begins to be served, so that it is refused."""
        self._progress = True
        early = self._early
        if early is not None:
            if not early.response_complete:
                early.add(body)
                if len(early.body) > HIGH_WATER_LIMIT:
                    self.flow.pause_reading()
            return
        if self._body:
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += body
        else:
            self._body = body
        if len(self._body) > self._limits.body_bytes:
            self._begin_early()

    def on_message_complete(self) -> None:
        """Serve a request that is whole."""
        if self._offer:
            return
        self._stage, self._progress = _IDLE, True
        if self in self._table.held:
            self._table.release(self)
        early = self._early
        if early is None:
            self._serve_or_queue(more_body=False)
            return
        self._early = None
        early.end_body()
        if not self._serving:
            self._rest()

    def on_response_complete(self) -> None:
        """Go on with the next request, if one was sent ahead."""
        self._serving = False
        if self.transport.is_closing():
            self._table.stalled.setdefault(self, time.monotonic())
            return
        while self.pipeline and not self._serving:
            self._serve(self.pipeline.pop()[0])
        if self._serving or self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self._early is not None:
            self._deaf = True
        if self._deaf:
            self._leave()
        elif self._stage == _IDLE:
            self._rest()
        else:
            self._wait_for_the_rest()

    # Serving.

    def _serve_or_queue(self, *, more_body: bool) -> Exchange | None:
        """Serve the request that was read, now or in turn; return what serves it, if it is let in."""
        if not self._serving:
            lane = self._room.admit(self.scope)
            if lane is None and more_body:
                raise Refused(TOO_MANY)
            if lane is None:
                self._turn_away(self.scope, keep_alive=self._keep_alive)
                return None
            cycle = self._new_cycle(more_body=more_body)
            self._start(cycle, lane)
            return cycle
        if len(self.pipeline) >= _LONGEST_PIPELINE:
            self._deaf = True
            raise Refused(BadRequest("Too many requests were sent ahead."))
        cycle = self._new_cycle(more_body=more_body)
        self.flow.pause_reading()
        self.pipeline.appendleft((cycle, self.app))
        return cycle

    def _new_cycle(self, *, more_body: bool) -> Exchange:
        return Exchange(
            self.scope,
            bytearray(self._body) if more_body else self._body,
            more_body=more_body,
            transport=self.transport,
            flow=self.flow,
            head=standing_lines(tuple(self.server_state.default_headers)),
            keep_alive=self._keep_alive,
            awaits_continue=more_body and self.expect_100_continue,
            on_response=self.on_response_complete,
        )

    def _serve(self, cycle: Exchange) -> None:
        lane = self._room.admit(cycle.scope)
        if lane is None:
            self._turn_away(cycle.scope, keep_alive=cycle.keep_alive and not cycle.more_body)
            cycle.response_complete = True
        else:
            self._start(cycle, lane)

    def _start(self, cycle: Exchange, lane: Lane) -> None:
        self._place.pop(self, None)
        self._place = _NOWHERE
        self._serving = True
        self.cycle = cycle
        task = self.loop.create_task(cycle.run(self.app, self.logger))
        self.tasks.add(task)
        task.add_done_callback(lane.leave)

    def _turn_away(self, scope: Scope, *, keep_alive: bool) -> None:
        """Answer that there is no room, at the least cost: a flood must not occupy us by being refused."""
        answer = overloaded(trace_of(scope["headers"]), close=not keep_alive)
        self.transport.write(
            answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if scope["method"] == "HEAD" else answer
        )
        if keep_alive:
            self._rest()
        else:
            # It was to be the last: nothing comes behind it, whatever else was sent ahead.
            self.pipeline.clear()
            self._deaf, self._goodbye = True, b""
            self._leave()

    def _begin_early(self) -> None:
        self._early = self._serve_or_queue(more_body=True)
        self._body = b""

    # Waiting and refusing.

    def _unfinished(self) -> None:
        """Bound what was read in part."""
        self._kept = 0 if self._progress else self._kept + self._segment
        if self._kept > self._limits.head_bytes:
            # A head, the size of a chunk, or trailers: whatever it is, it has no end.
            self._refuse(head_too_large(self._limits))
        elif not self._serving or self._early is self.cycle:
            self._wait_for_the_rest()
        else:
            # Its turn has not come: no time counts for it yet, so nothing more of it may be kept.
            self.flow.pause_reading()
        self._table.hold(self, len(self._body))

    def _wait_for_the_rest(self) -> None:
        if self._stage == _HEAD:
            if self._place is not self._table.beginning:
                self._move(self._table.beginning, time.monotonic())
        elif self._place is not self._table.sending:
            self._await_body()

    def _await_body(self) -> None:
        now = time.monotonic()
        fields = dict(self.headers)
        if self._early is None:
            self._answer_head(fields, now)
        if not self._deaf:
            self._move(self._table.sending, now + asked_budget_s(fields, self._limits.request_timeout_s))

    def _answer_head(self, fields: Mapping[bytes, bytes], now: float) -> None:
        """Refuse a body that is too large before it comes; tell a client that waits for it to send it."""
        note_arrival(self.scope, now)
        if int(fields.get(b"content-length", b"0")) > self._limits.body_bytes:
            try:
                self._begin_early()
            except Refused as refused:
                self._refuse(refused.problem)
        elif self.expect_100_continue:
            self.expect_100_continue = False
            self.transport.write(_CONTINUE)

    def _decline(self, rest: memoryview) -> None:
        """Serve requests that offer another protocol as if they did not (RFC 9110, 7.8).

        The parser takes what follows such a head for that protocol and skips it: the head is read once more, without
        the offer, then the rest.
        """
        while self._offer and not self._deaf:
            unread = len(rest)
            try:
                self._read_again()
                self.parser.feed_data(rest)
            except httptools.HttpParserUpgrade as offer:
                unread = offer.args[0]
            except httptools.HttpParserError as error:
                self._refuse(what_is_wrong(error))
            rest = rest[unread:]

    def _read_again(self) -> None:
        fields = [name + b": " + value for name, value in self.headers if name != b"upgrade"]
        version = self.parser.get_http_version().encode()
        line = b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)
        self.parser = _new_parser(self)
        self.parser.feed_data(b"\r\n".join([line, *fields, b"", b""]))

    def _must_fit(self) -> None:
        if self._kept + self._segment > self._limits.head_bytes:
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > self._limits.head_bytes:
                raise Refused(head_too_large(self._limits))
        self._progress, self._kept = True, 0


def _new_parser(connection: Wire) -> httptools.HttpRequestParser:
    parser = httptools.HttpRequestParser(connection)
    parser.set_dangerous_leniencies(lenient_data_after_close=True)
    return parser
