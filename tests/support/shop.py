"""A real shop as processes on free ports: started, stopped, killed and started again by tests."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import weakref
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, Self

import aiohttp
from store_cli.up.gateway import ROUTES

from tests.support.keyspaces import Keyspaces
from tests.support.ports import hold_port, port_of
from tests.support.wait import until

READY_WITHIN_S = 120.0
"""Three nodes of Cassandra take a minute to agree on each change of the first schema, one after the other."""
SERVICES = ("catalog", "cart", "order", "user")
STOP_TIMEOUT_S = 30.0
QUICK = {
    # Hashing at full cost and throttles are proven by the user service's own tests; here they would only slow down.
    "STORE_USER_ARGON2_TIME_COST": "1",
    "STORE_USER_ARGON2_MEMORY_KIB": "8",
    "STORE_USER_ARGON2_WAIT_S": "60",
    "STORE_USER_LOGIN_LIMIT_ACCOUNT": "1000000/second",
    "STORE_USER_LOGIN_SLOW_ACCOUNT": "1000000/second",
    "STORE_USER_LOGIN_LIMIT_ADDRESS": "1000000/second",
    "STORE_USER_REGISTER_LIMIT_ADDRESS": "1000000/second",
    "STORE_CART_GUEST_LIMIT_ADDRESS": "1000000/second",
    # So is overload: races send hundreds of requests at the same moment, and each must be decided, not refused.
    "STORE_MAX_REQUESTS": "1000",
}
"""Settings of shops under test."""


class DidNotStart(Exception):
    """A process ended, or did not answer in time; the text has its last words."""


class Program(Protocol):
    """A process that tests start and end; Process is the usual one."""

    @property
    def pid(self) -> int:
        """Its process id."""
        ...

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        ...

    def start(self) -> None:
        """Start it, for the first time or again."""
        ...

    def kill(self) -> None:
        """End it by SIGKILL."""
        ...

    def stop(self) -> int:
        """End it by SIGTERM; return its exit code."""
        ...

    @property
    def exit_code(self) -> int | None:
        """How it ended: minus the signal's number when a signal ended it; None while it runs."""
        ...

    def output(self) -> str:
        """Return what it has said since it was last started."""
        ...


class MakeProgram(Protocol):
    """How a command line becomes a program."""

    def __call__(self, command: Sequence[str], log: Path, env: Mapping[str, str], /) -> Program:
        """Return the program, not yet started."""
        ...


class Process:
    """One process of ours: its output goes to a file, its end is waited for."""

    def __init__(self, command: Sequence[str], log: Path, env: Mapping[str, str]) -> None:
        self._command = command
        self._log = log
        self._env = {**os.environ, **env}
        self._process: subprocess.Popen[bytes] | None = None
        self._said = 0

    def start(self) -> None:
        """Start it; what it says is appended to its log."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._said = log.tell()
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=self._env)  # noqa: S603

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """Pull the plug: SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_TIMEOUT_S)

    def stop(self) -> int:
        """Ask it to end (SIGTERM) and return its exit code."""
        assert self._process is not None
        if self.alive:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    @property
    def exit_code(self) -> int | None:
        """How it ended: minus the signal's number when a signal ended it; None while it runs."""
        return None if self._process is None else self._process.poll()

    def output(self) -> str:
        """Return what it has said since it was last started."""
        return self._log.read_bytes()[self._said :].decode(errors="replace")


class _Running:
    """What the embedded shop and the four services have in common: ports, environment, life."""

    def __init__(self, data_dir: Path, env: Mapping[str, str] | None = None) -> None:
        self.data_dir = data_dir
        self.keyspaces = Keyspaces.fresh()
        held = {name: hold_port() for name in (*SERVICES, "gateway")}
        weakref.finalize(self, _let_go, tuple(held.values()))
        self.ports = {name: port_of(holder) for name, holder in held.items()}
        urls = {f"STORE_{name.upper()}_URL": self.service_url(name) for name in SERVICES}
        self.env = {
            **QUICK,
            **self.keyspaces.env,
            **urls,
            "STORE_DATA_DIR": str(data_dir),
            **(env or {}),
        }
        self.processes: dict[str, Program] = {}

    def service_url(self, name: str) -> str:
        """Return where a service listens."""
        return f"http://127.0.0.1:{self.ports[name]}"

    def url(self, path: str) -> str:
        """Return where a public path is served."""
        raise NotImplementedError

    async def wait_until_ready(self, name: str, url: str) -> None:
        """Return once `url` answers 200; the process behind it must stay alive meanwhile."""
        async with aiohttp.ClientSession() as session:

            async def ready() -> bool:
                self.must_live(name)
                return await _answers(session, url)

            await until(ready, f"{name} is ready at {url}", READY_WITHIN_S)

    def must_live(self, name: str) -> None:
        """Pass while a process lives.

        Raises:
            DidNotStart: it has ended.
        """
        process = self.processes[name]
        if not process.alive:
            raise DidNotStart(f"{name} ended:\n{process.output()[-3000:]}")

    def kill_all(self) -> None:
        """Pull every plug."""
        for process in self.processes.values():
            process.kill()

    async def start(self) -> None:
        """Start everything and wait until it serves."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            self.kill_all()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self.kill_all()
        await self.keyspaces.drop()


class EmbeddedShop(_Running):
    """The whole shop in one process, as `store up` runs it.

    Args:
        data_dir: where it keeps everything; a second start goes on from there.
        env: further settings.
        command: the module to run instead of `store up`; it takes the same options.
        catalogue: whether the shipped catalogue is loaded.
        program: what makes a process of the command line.
    """

    def __init__(
        self,
        data_dir: Path,
        env: Mapping[str, str] | None = None,
        *,
        command: Sequence[str] = ("store_cli", "up"),
        catalogue: bool = False,
        program: MakeProgram = Process,
    ) -> None:
        super().__init__(data_dir, env)
        options = ["--port", str(self.ports["gateway"]), "--catalogue" if catalogue else "--no-catalogue"]
        line = [sys.executable, "-m", *command, *options]
        self.process = program(line, data_dir / "shop.log", self.env)
        self.processes = {"shop": self.process}

    @property
    def base_url(self) -> str:
        """Return the address of the gateway."""
        return self.service_url("gateway")

    def url(self, path: str) -> str:
        """Return where a public path is served: at the gateway."""
        return self.base_url + path

    async def start(self) -> None:
        """Start it and wait until all four services are healthy and the administrator exists."""
        self.process.start()
        await self.wait_until_ready("shop", self.url("/api/system/health"))
        await until(self._welcomed, "the welcome is shown")

    def _welcomed(self) -> bool:
        self.must_live("shop")
        return "Product Store is up" in self.process.output()


class FourServices(_Running):
    """Four processes, each running one service; each can be killed alone.

    There is no gateway process: a public path goes straight to the service that the gateway's table names.
    """

    def __init__(
        self,
        data_dir: Path,
        env: Mapping[str, str] | None = None,
        *,
        command: Sequence[str] = ("store_cli", "run"),
        program: MakeProgram = Process,
    ) -> None:
        super().__init__(data_dir, env)
        for name in SERVICES:
            line = [sys.executable, "-m", *command, name]
            self.processes[name] = program(line, data_dir / f"{name}.log", self.env)

    def url(self, path: str) -> str:
        """Return where a public path is served."""
        parts = path.partition("?")[0].split("/", 4)
        service = ROUTES.get("/".join(parts[:3])) or ROUTES["/".join(parts[:4])]
        return self.service_url(service) + path

    async def start(self) -> None:
        """Start all four and wait until each is ready."""
        for process in self.processes.values():
            process.start()
        await asyncio.gather(*(self.ready(name) for name in SERVICES))

    async def promote(self, email: str) -> None:
        """Make an account an administrator, as an operator does; other tasks of the test go on meanwhile."""
        line = [sys.executable, "-m", "store_cli", "users", "promote", email]
        pipe = asyncio.subprocess.PIPE
        command = await asyncio.create_subprocess_exec(
            *line, env={**os.environ, **self.env}, stdout=pipe, stderr=pipe
        )
        _, complaints = await command.communicate()
        assert command.returncode == 0, complaints.decode()

    async def ready(self, name: str) -> None:
        """Wait until one service is ready."""
        await self.wait_until_ready(name, f"{self.service_url(name)}/health/ready")

    async def restart(self, name: str) -> None:
        """Start one service again and wait until it is ready."""
        self.processes[name].start()
        await self.ready(name)


def _let_go(holders: Iterable[socket.socket]) -> None:
    for holder in holders:
        holder.close()


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url, timeout=aiohttp.ClientTimeout(total=2)) as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False
