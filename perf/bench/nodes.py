"""A Cassandra node under measurement: what it complains of, and what its reads pass over."""

import asyncio
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from tests.support.cassandra import Node

_PREFIX: Final = re.compile(r"\bbench_[0-9a-f]+_")
_TOMBSTONES: Final = "maximum_tombstones_per_slice_last_five_minutes"


class WatchedNode:
    """A node as one shop sees it.

    Args:
        node: it runs.
        shop: a number that tells the shop from others on the same node.
    """

    def __init__(self, node: Node, shop: int) -> None:
        self._node = node
        self._prefix = f"bench_{shop:08x}_"
        self._log = node.data / "logs" / "system.log"
        self.pid = node.pid

    @property
    def url(self) -> str:
        """What the shop's STORE_DATABASE is: keyspaces of its own."""
        return f"{self._node.url}&prefix={self._prefix}"

    def logged(self) -> int:
        """Return how long the server's log is."""
        return self._log.stat().st_size

    def warnings_since(self, logged: int) -> int:
        """Return how many warnings and errors were logged since, those about other shops left out."""
        text = self._log.read_bytes()
        # A log that is shorter than before was begun anew.
        lines = text[logged if logged <= len(text) else 0 :].decode(errors="replace").splitlines()
        return count_warnings(lines, self._prefix)

    def killed_and_started(self) -> None:
        """Pull its plug, SIGKILL, and start it again; return when it can be used."""
        self._node.kill()
        self._node.start()
        self.pid = self._node.pid

    async def tombstones(self) -> int:
        """Return how many tombstones one read of a table of the shop passed over, at most, in the last minutes."""
        said = await asyncio.to_thread(self._node.nodetool, "tablestats", "-F", "json")
        return most_tombstones(json.loads(said[said.index("{") :]), self._prefix)


def count_warnings(lines: Iterable[str], prefix: str) -> int:
    """Return how many lines are warnings or errors and name no keyspace of another shop than that of the prefix."""
    loud = [line for line in lines if " WARN " in line or " ERROR " in line]
    return sum(set(_PREFIX.findall(line)) <= {prefix} for line in loud)


def most_tombstones(keyspaces: Mapping[str, Any], prefix: str) -> int:
    """Return the largest figure of any table of the shop, from what `nodetool tablestats -F json` says."""
    return max(
        (
            int(float(table[_TOMBSTONES]))
            for name, keyspace in keyspaces.items()
            if name.startswith(prefix)
            for table in keyspace["tables"].values()
        ),
        default=0,
    )
