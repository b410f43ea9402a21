"""A real Cassandra for tests: one node on free ports, or three on 127.0.0.1-3, started and killed by us.

Needs Java 17 and Maven, which `make test-cassandra` checks for. The jars are fetched once into `.store/cassandra`.
"""

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.support.services import free_port

ROOT = Path(__file__).parents[2]
NODE = ROOT / "infra" / "cassandra" / "node.sh"
VERSIONS = ("5.0.9", "4.1.10")
COMMAND_TIMEOUT_S = 300
_RING = {
    "127.0.0.1": "-9223372036854775808",
    "127.0.0.2": "-3074457345618258603",
    "127.0.0.3": "3074457345618258602",
}
"""Address -> where its part of the ring begins."""


@dataclass
class Node:
    """One Cassandra process.

    Args:
        data: its folder; a second start goes on from there.
        address: the loopback address it listens on.
        cql_port: where clients connect.
        more: further variables of infra/cassandra/node.sh.
    """

    data: Path
    address: str
    cql_port: int
    more: dict[str, str]

    @classmethod
    def alone(cls, data: Path, version: str = VERSIONS[0], **more: str) -> Self:
        """Return a node of its own cluster on free ports."""
        ports = {name: str(free_port()) for name in ("CASS_JMX", "CASS_STORAGE_PORT")}
        settings = {"CASS_VERSION": version, **ports, **more}
        settings.setdefault("CASS_SEEDS", f"127.0.0.1:{ports['CASS_STORAGE_PORT']}")
        return cls(data, "127.0.0.1", free_port(), settings)

    @classmethod
    def three(cls, data: Path, version: str = VERSIONS[0]) -> "list[Self]":
        """Return the nodes of one cluster on 127.0.0.1 to 127.0.0.3, each with a third of the ring."""
        storage, cql = free_port(), free_port()
        shared = {
            "CASS_VERSION": version,
            "CASS_STORAGE_PORT": str(storage),
            "CASS_SEEDS": ",".join(f"{address}:{storage}" for address in _RING),
            "CASS_HEAP": "384",
        }
        return [
            cls(data / address, address, cql, {**shared, "CASS_TOKEN": token, "CASS_JMX": str(free_port())})
            for address, token in _RING.items()
        ]

    @property
    def url(self) -> str:
        """Return what STORE_DATABASE takes."""
        return f"cassandra://{self.address}:{self.cql_port}/?dc=datacenter1"

    def run(self, *arguments: str) -> str:
        """Run a command of node.sh and return what it printed."""
        variables = {
            "CASS_ADDR": self.address,
            "CASS_DATA": str(self.data),
            "CASS_CQL_PORT": str(self.cql_port),
            **self.more,
        }
        done = subprocess.run(  # noqa: S603 - our own script
            [str(NODE), *arguments],
            env={**os.environ, **variables},
            check=False,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
        )
        assert done.returncode == 0, f"node.sh {arguments}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout

    def start(self) -> None:
        """Start and wait until clients can connect."""
        self.run("fetch")
        self.run("up")

    def nodetool(self, *arguments: str) -> str:
        """Run an operator's command on it and return what it printed."""
        return self.run("nodetool", *arguments)

    def pause(self) -> None:
        """Let it hang: it keeps its connections and answers nobody."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """End the pause."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """Pull the plug: SIGKILL."""
        self.run("kill9")

    def stop(self) -> None:
        """End it in order."""
        self.run("stop")

    @property
    def pid(self) -> int:
        """Its process id."""
        return int(self.run("pid"))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
