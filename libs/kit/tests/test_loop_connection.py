"""The driver's connections on our event loop: what is sent arrives once and in order, and nobody waits for ever."""

import asyncio
import io
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cassandra import OperationTimedOut
from cassandra.connection import ConnectionBusy, ConnectionShutdown, DefaultEndPoint
from cassandra.protocol import OptionsMessage
from store_kit.cassandra.loop_connection import _TIME_TO_ANSWER_S, Loop, LoopConnection

from tests.gateway.certificates import self_sign
from tests.support.wait import until

pytestmark = pytest.mark.anyio

OPTIONS = 9
"""Bytes of the first message."""
PIECE = bytes(100_000)


@dataclass
class Node:
    """Listens, and says nothing by itself."""

    connected: asyncio.Event = field(default_factory=asyncio.Event)
    reader: asyncio.StreamReader = field(init=False)
    writer: asyncio.StreamWriter = field(init=False)

    def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a connection."""
        self.reader, self.writer = reader, writer
        self.connected.set()


@asynccontextmanager
async def connected(certificate: Path | None = None) -> AsyncIterator[tuple[Node, Any]]:
    node, ours, theirs = Node(), None, None
    if certificate is not None:
        ours = ssl.create_default_context(cafile=certificate)
        theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        theirs.load_cert_chain(certificate, certificate.with_name("tls.key"))
    server = await asyncio.start_server(node, "127.0.0.1", 0, limit=1000, ssl=theirs)
    made = LoopConnection.on(Loop(asyncio.get_running_loop()))
    port = server.sockets[0].getsockname()[1]
    settings = {"connect_timeout": 5.0, "protocol_version": 5, "ssl_context": ours}
    connection = await asyncio.to_thread(made, "127.0.0.1", port, **settings)
    await node.connected.wait()
    assert len(await node.reader.readexactly(OPTIONS)) == OPTIONS
    yield node, connection
    connection.close()
    node.writer.close()
    server.close()


async def test_messages_arrive_in_order_from_all_threads() -> None:
    """The driver sends from threads of its own too: heartbeats, and what it prepares."""
    async with connected() as (node, connection):
        connection.push(b"one")
        connection.push(b"two")
        assert await node.reader.readexactly(6) == b"onetwo"
        await asyncio.to_thread(connection.push, b"three")
        assert await node.reader.readexactly(5) == b"three"


async def test_who_hangs_up_before_the_connection_is_ready_is_an_error() -> None:
    """As a proxy does whose node is not up yet: a connection is ready only when the node has said so."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(OPTIONS)
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    made = LoopConnection.on(Loop(asyncio.get_running_loop()))
    where = DefaultEndPoint("127.0.0.1", server.sockets[0].getsockname()[1])
    with pytest.raises(ConnectionShutdown):
        await asyncio.to_thread(made.factory, where, 5.0, protocol_version=5)
    server.close()


async def test_a_node_that_reads_nothing_is_busy_until_it_reads() -> None:
    """What waits to be sent is bounded: the driver asks another host meanwhile, or refuses."""
    async with connected() as (node, connection):
        sent = 0
        while connection._socket_writable:
            connection.push(PIECE)
            sent += len(PIECE)
            await asyncio.sleep(0)
        # As a pool does, which forgets what was refused: else the connection runs out of numbers in the end.
        with connection.lock:
            connection.in_flight += 1
            number = connection.get_request_id()
        in_flight = connection.in_flight
        with pytest.raises(ConnectionBusy):
            connection.send_msg(OptionsMessage(), number, lambda _: None)
        assert connection.in_flight == in_flight - 1
        assert number in connection.request_ids
        await node.reader.readexactly(sent)
        await until(lambda: connection._socket_writable, "there is room again")
        connection.push(b"more")
        assert await node.reader.readexactly(4) == b"more"


def _holds(buffer: io.BytesIO, length: int) -> bool:
    return len(buffer.getvalue()) == length


async def test_much_at_once_in_both_directions_and_over_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left lying in what encrypts."""
    for certificate in (None, self_sign(tmp_path, "localhost")):
        async with connected(certificate) as (node, connection):
            monkeypatch.setattr(connection, "process_io_buffer", lambda: None)
            node.writer.write(3 * PIECE)
            for _ in range(3):
                connection.push(PIECE)
            assert await node.reader.readexactly(len(PIECE) * 3) == 3 * PIECE
            received = connection._iobuf
            await until(partial(_holds, received, 3 * len(PIECE)), "all of it has come")


@pytest.mark.parametrize("closes", ["the node", "we", "we, from a thread"])
async def test_who_waits_is_told_that_the_connection_is_closed(closes: str) -> None:
    """Whoever closes it."""
    async with connected() as (node, connection):
        answers: list[Any] = []
        connection.send_msg(OptionsMessage(), connection.get_request_id(), answers.append)
        if closes == "the node":
            node.writer.close()
        elif closes == "we":
            connection.close()
        else:
            await asyncio.to_thread(connection.close)
        await until(lambda: bool(answers), "who waits is told")
        assert [type(answer) for answer in answers] == [ConnectionShutdown]
        await until(lambda: connection._socket.fileno() < 0, "the socket is closed")
        connection.push(b"too late")
        await asyncio.sleep(0)


async def test_a_loop_that_stood_still_is_no_fault_of_the_node() -> None:
    """Only a node that had time to answer, while the loop ran, is given up for its silence."""
    silence = OperationTimedOut("Connection heartbeat timeout after 5 seconds")
    async with connected() as (_, connection):
        assert threads_answer(lambda: connection.is_idle) is True
        threads_answer(lambda: connection.defunct(silence))
        await asyncio.sleep(0.05)
        threads_answer(lambda: connection.defunct(silence))
        assert not connection.is_defunct
        connection._turned_at -= _TIME_TO_ANSWER_S
        await asyncio.to_thread(connection.defunct, silence)
        assert connection.is_defunct


def threads_answer(call: Callable[[], object]) -> object:
    """Return what a call returns on another thread; the loop stands still meanwhile."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(call).result(5)


def pass_time(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Set the loop's clock on."""
    loop = asyncio.get_running_loop()
    real = loop.time
    monkeypatch.setattr(loop, "time", lambda: real() + seconds)


async def test_timers_of_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver begins and cancels them wherever it happens to be."""
    made = LoopConnection.on(Loop(asyncio.get_running_loop()))
    calls: list[tuple[str, int]] = []

    def call(name: str) -> Callable[[], None]:
        return lambda: calls.append((name, threading.get_ident()))

    made.create_timer(60, call("here"))
    await asyncio.to_thread(made.create_timer, 60, call("there"))
    made.create_timer(60, call("cancelled here")).cancel()
    there = await asyncio.to_thread(made.create_timer, 60, call("begun there, cancelled here"))
    there.cancel()
    here = made.create_timer(60, call("begun here, cancelled there"))
    await asyncio.to_thread(here.cancel)
    assert not calls
    pass_time(monkeypatch, 60)
    made.create_timer(0.01, call("later"))
    await until(lambda: len(calls) > 2, "all have been called")
    assert sorted(calls) == [(name, threading.get_ident()) for name in ("here", "later", "there")]


async def test_a_timer_is_on_time_whatever_was_cancelled_before_it() -> None:
    """The loop is woken for those that count, the soonest first, also when a later one was begun before."""
    loop = asyncio.get_running_loop()
    made = LoopConnection.on(Loop(loop))
    begun = loop.time()
    rang: list[tuple[str, float]] = []

    def ring(name: str) -> None:
        rang.append((name, loop.time() - begun))

    for number in range(1000):
        made.create_timer(0.001 + number / 10_000, partial(ring, "cancelled")).cancel()
    for name, after_s in (("third", 0.2), ("first", 0.02), ("second", 0.1)):
        made.create_timer(after_s, partial(ring, name))
        await asyncio.sleep(0)
    await until(lambda: len(rang) > 2, "all have been called")
    assert [name for name, _ in rang] == ["first", "second", "third"]
    assert [at_s >= after_s for (_, at_s), after_s in zip(rang, (0.02, 0.1, 0.2), strict=True)] == [True] * 3
    assert made.timers._waiting == []


def test_a_loop_that_is_closed_keeps_nobody_waiting() -> None:
    """Whoever hangs up or dials while the process ends, on another thread."""
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as threads:
        port = server.getsockname()[1]

        def dial(made: type[LoopConnection]) -> Any:
            return made("127.0.0.1", port, connect_timeout=5.0, protocol_version=5)

        async def dialled() -> tuple[type[LoopConnection], Any]:
            made = LoopConnection.on(Loop(asyncio.get_running_loop()))
            return made, await asyncio.to_thread(dial, made)

        made, connection = asyncio.run(dialled())
        threads.submit(connection.close).result(5)
        assert connection._socket.fileno() < 0
        with pytest.raises(ConnectionShutdown):
            threads.submit(dial, made).result(5)
        with pytest.raises(RuntimeError):
            threads.submit(made.create_timer, 1.0, print).result(5)
