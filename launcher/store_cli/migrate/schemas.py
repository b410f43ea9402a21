"""The schema of every service in the cluster: what is applied, what waits, bringing it up to date."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files

from store_kit.cassandra import identity as cassandra_identity
from store_kit.cassandra.keyspace import Cassandra
from store_kit.cassandra.schema import Schema, SchemaStatus, new_keyspace
from store_kit.secrets import Secrets
from store_kit.settings import StoreSettings
from store_kit.shop import SERVICES
from store_kit.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class ServiceSchema:
    """How the keyspace of one service stands to the code, and what was applied just now."""

    service: str
    keyspace: str
    status: SchemaStatus
    applied_now: Sequence[str] = ()


async def statuses(settings: StoreSettings, within_s: float) -> list[ServiceSchema]:
    """Return how each keyspace stands; changes nothing.

    Raises:
        SchemaError: a keyspace belongs to newer code, or an applied file was changed.
        DatabaseUnavailable: the cluster did not answer in time.
    """

    async def look(_schema: Schema, _database: Cassandra) -> Sequence[str]:
        return ()

    return await _each(settings, within_s, look)


async def migrate(settings: StoreSettings, within_s: float) -> list[ServiceSchema]:
    """Create and upgrade each keyspace; two runners at once: one works, the other waits.

    Raises:
        SchemaError: a keyspace belongs to newer code, or an applied file was changed.
        DatabaseUnavailable: the cluster did not answer in time.
    """
    found = await _each(settings, within_s, lambda schema, database: schema.migrate(database))
    if any(one.applied_now for one in found):
        await _each(settings, within_s, _see_the_others)  # all are there now
    return found


async def _see_the_others(_schema: Schema, database: Cassandra) -> Sequence[str]:
    await cassandra_identity.renew(database)
    return ()


async def _each(
    settings: StoreSettings, within_s: float, work: Callable[[Schema, Cassandra], Awaitable[Sequence[str]]]
) -> list[ServiceSchema]:
    # One after the other: schema changes of several keyspaces at once make the nodes disagree for longer.
    return [await _one(name, settings, within_s, work) for name in SERVICES]


async def _one(
    service: str,
    settings: StoreSettings,
    within_s: float,
    work: Callable[[Schema, Cassandra], Awaitable[Sequence[str]]],
) -> ServiceSchema:
    folder = files(f"store_{service}") / "schema" / "cassandra"
    schema = Schema(service, folder, begin_anew=settings.begins_anew)
    async with usable_keyspace(service, settings, within_s) as database:
        applied = await work(schema, database)
        return ServiceSchema(service, database.keyspace, await schema.status(database), applied)


@asynccontextmanager
async def usable_keyspace(service: str, settings: StoreSettings, within_s: float) -> AsyncIterator[Cassandra]:
    """Give the keyspace of a service, once it can be used.

    Raises:
        DatabaseUnavailable: the cluster did not answer in time.
    """
    database = new_keyspace(service, settings=settings, secrets=Secrets(settings), metrics=Metrics(service))
    await database.open()
    try:
        yield await database.until_usable(within_s)
    finally:
        await database.close()
