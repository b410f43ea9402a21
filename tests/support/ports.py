"""Ports for the servers of a test, which nobody else is given: neither by the system nor by another worker."""

import os
import random
import socket
from typing import Final

_NOT_EPHEMERAL: Final = (10_000, 32_000)
_WORKER: Final = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_WORKERS: Final = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_GIVEN: Final[set[int]] = set()


def hold_port() -> socket.socket:
    """Return what keeps a port for one shop: nobody who picks one like this gets it while its owner is down.

    Nor does an outgoing connection. A server that sets SO_REUSEADDR, as ours do, may listen beside the holder,
    which does not listen. Without it two of the many shops that are started at once would sometimes share a port.
    """
    while True:
        holder = socket.socket()
        try:
            holder.bind(("127.0.0.1", _some_port()))
        except OSError:
            holder.close()
            continue
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return holder


def _some_port() -> int:
    """Return one that was not given away; each worker has its own to choose from, as a server may take long to bind."""
    first, end = _NOT_EPHEMERAL
    while (port := random.randrange(first + _WORKER, end, _WORKERS)) in _GIVEN:  # noqa: S311 - not a secret
        pass
    return port


def port_of(holder: socket.socket) -> int:
    """Return the port that is held."""
    return int(holder.getsockname()[1])


def lasting_port() -> int:
    """Return a port that was free a moment ago, another one at each call, that no outgoing connection is given."""
    with hold_port() as holder:
        port = port_of(holder)
    _GIVEN.add(port)
    return port
