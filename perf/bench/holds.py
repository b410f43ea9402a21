"""Stock held through the catalogue's internal route, by one catalogue process or by several on one database."""

import asyncio
import contextlib
import json
import shutil
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Final

from perf.bench.load import Connection, Result, request_bytes, timed
from perf.bench.server import PinnedServer
from perf.bench.shoppers import together
from perf.bench.shops import Running
from tests.support.services import free_port

BUYERS: Final = 64


async def holds(
    ports: Sequence[int], token: str, wanted: Callable[[], Sequence[str]], seconds: float
) -> Result:
    """Hold one of each wanted product, buyers spread over the catalogue's processes.

    Raises:
        RuntimeError: one was refused by anything but a 503: try again, which processes that contend may say.
    """
    result = Result()
    begun = time.perf_counter()

    async def script(connection: Connection, _: str, into: Result) -> None:
        lines = [{"product_id": product_id, "quantity": 1} for product_id in wanted()]
        body = json.dumps({"lines": lines, "not_after_ms": int(time.time() * 1000) + 60_000}).encode()
        path = f"/internal/reservations/{uuid.uuid4()}"
        await timed(connection, request_bytes("PUT", path, body=body, token=token), into)

    share = [str(n) for n in range(BUYERS // len(ports))]
    runs = await asyncio.gather(*(together(port, share, script, seconds) for port in ports))
    for run in runs:
        result.latencies_s += run.latencies_s
        result.statuses += run.statuses
    result.seconds = time.perf_counter() - begun
    if not result.statuses.keys() <= {200, 201, 503}:
        raise RuntimeError(f"answered with {dict(result.statuses)}")
    return result


@contextlib.asynccontextmanager
async def more_catalogues(count: int, run: Running, folder: Path) -> AsyncIterator[list[int]]:
    """Run more catalogue processes on the same database; give their ports."""
    with contextlib.ExitStack() as stack:
        ports = []
        for _ in range(count):
            port = free_port()
            url = f"http://127.0.0.1:{port}"
            data = folder / f"catalogue-{port}"
            shutil.copytree(run.data / "secrets", data / "secrets")
            command = ("store_cli", "run", "catalog", "--data", str(data))
            own = {**run.env, "STORE_CATALOG_URL": url}
            stack.enter_context(
                PinnedServer(command, f"{url}/health/ready", folder / "more.log", own, core=None)
            )
            ports.append(port)
        yield ports
