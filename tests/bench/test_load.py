import asyncio
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from perf.bench import server
from perf.bench.counted import Counted
from perf.bench.load import Connection, connect, request_bytes
from tests.support.canned import NEVER, answering

pytestmark = pytest.mark.anyio
REQUEST = request_bytes("GET", "/")


async def connected(port: int, within_s: float) -> Connection:
    """Return a connection that waits for so long."""
    _, connection = await asyncio.get_running_loop().create_connection(
        lambda: Connection(within_s), "127.0.0.1", port
    )
    return connection


async def test_a_server_that_hangs_is_not_waited_for() -> None:
    """The request fails within twice the time, and the connection is of no use afterwards."""
    async with answering(lambda _: NEVER) as port:
        connection = await connected(port, within_s=0.2)
        async with asyncio.timeout(5):
            with pytest.raises(TimeoutError, match=r"no answer in 0\.2 s"):
                await connection.ask(REQUEST)
        await asyncio.sleep(0)  # the loop tells of the end in its next turn
        with pytest.raises(ConnectionError, match="not connected"):
            await connection.ask(REQUEST)


async def test_many_requests_that_are_answered_in_time_are_no_hang() -> None:
    """What counts is one request; a connection may be used for much longer, and rest in between.

    The test looks, not the clock: a pause of its own process would be taken for one of the server.
    """
    async with answering(lambda _: "200 OK|ok") as port:
        connection = await connected(port, within_s=3600)
        for _ in range(6):
            asked = asyncio.create_task(connection.ask(REQUEST))
            await asyncio.sleep(0)  # now it is in flight
            connection._look()
            assert await asked == (200, b"ok")
        for _ in range(3):
            connection._look()
        assert await connection.ask(REQUEST) == (200, b"ok")
        connection.close()


async def test_nobody_listens_is_told_at_once() -> None:
    """A refused connection is an OSError, as whoever tries again expects."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            await connect(taken.getsockname()[1])


async def test_a_page_of_metrics_that_is_refused_is_not_read_as_0() -> None:
    """Counts that nobody knows must not be taken for none."""
    async with answering(lambda _: "503 Service Unavailable|") as port:
        with pytest.raises(RuntimeError, match="was answered with 503"):
            await Counted.of([port])


def test_a_process_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A shop that hangs hears no signal to end; it is a failure, and nothing is left behind."""
    monkeypatch.setattr(server, "_ENDS_WITHIN_S", 0.2)
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"
    pinned = server.PinnedServer((), "", tmp_path / "log", {})
    with subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE) as process:  # noqa: S603
        assert process.stdout is not None
        process.stdout.readline()
        monkeypatch.setattr(pinned, "_process", process, raising=False)
        with pytest.raises(subprocess.TimeoutExpired):
            pinned.__exit__()
        assert process.returncode == -signal.SIGKILL
