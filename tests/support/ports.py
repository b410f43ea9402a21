"""Ports for the servers of a test, which nobody else is given: neither by the system nor by another worker."""

import itertools
import os
import socket
from collections.abc import Iterator
from random import SystemRandom
from typing import Final

_NOT_EPHEMERAL: Final = range(10_000, 32_000)


def shuffled(worker: int, workers: int) -> Iterator[int]:
    """Yield a worker's share of the ports, all of them before one comes again: a server may take long to bind.

    Their order is left to the system: two runs on one machine should not go the same way, as they would by a
    generator that a test or Hypothesis has seeded.
    """
    mine = _NOT_EPHEMERAL[worker::workers]
    return itertools.cycle(SystemRandom().sample(mine, len(mine)))


_PORTS: Final = shuffled(
    int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")),
    int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")),
)


def hold_port() -> socket.socket:
    """Return what keeps a port for one shop: nobody who picks one like this gets it while its owner is down.

    Nor does an outgoing connection. A server that sets SO_REUSEADDR, as ours do, may listen beside the holder,
    which does not listen. Without it two of the many shops that are started at once would sometimes share a port.

    Raises:
        OSError: of a thousand ports, none is free.
    """
    for port in itertools.islice(_PORTS, 1_000):
        holder = socket.socket()
        try:
            holder.bind(("127.0.0.1", port))
        except OSError:
            holder.close()
            continue
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return holder
    raise OSError("A thousand ports were tried, and none is free.")


def port_of(holder: socket.socket) -> int:
    """Return the port that is held."""
    return int(holder.getsockname()[1])


def lasting_port() -> int:
    """Return a port that was free a moment ago, another one at each call, that no outgoing connection is given."""
    with hold_port() as holder:
        return port_of(holder)
