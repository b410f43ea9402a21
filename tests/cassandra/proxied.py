"""Keyspaces as tests use them: straight to the node to see what is true, and through a proxy to get into trouble."""

import contextlib
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from store_kit.cassandra.keyspace import Cassandra
from store_kit.telemetry.metrics import Metrics

from tests.support.cql_proxy import CqlProxy

TIMEOUT_S: Final = 0.5
"""How long a client that goes through the proxy waits for an answer."""
_CONNECTS_WITHIN_S: Final = 20.0


class Keyspaces:
    """A migrated keyspace for each service, made when first asked for."""

    def __init__(self, make: Callable[[str], Awaitable[Cassandra]]) -> None:
        self._make = make
        self._made: dict[str, Cassandra] = {}

    async def of(self, service: str) -> Cassandra:
        """Return a service's keyspace, connected straight to the node."""
        if service not in self._made:
            self._made[service] = await self._make(service)
        return self._made[service]


@contextlib.asynccontextmanager
async def through(
    proxy: CqlProxy, direct: Cassandra, timeout_s: float = TIMEOUT_S
) -> AsyncIterator[Cassandra]:
    """Connect to the same keyspace through the proxy, as another process would."""
    where = dataclasses.replace(direct.where, hosts=("127.0.0.1",), port=proxy.port)
    service = direct.keyspace.removeprefix(where.prefix)
    opened = Cassandra(where, service, metrics=Metrics(service), timeout_s=timeout_s)
    await opened.open()
    try:
        yield await opened.until_usable(_CONNECTS_WITHIN_S)
    finally:
        await opened.close()
