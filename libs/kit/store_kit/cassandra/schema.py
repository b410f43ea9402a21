"""The schema of a keyspace: numbered CQL files, applied once, in order, by one runner at a time.

Cassandra has no transactional schema, so each statement must be repeatable (IF NOT EXISTS): after a runner that died
half way another one repeats the file. A lease keeps two runners from working at once.
"""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Container, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Final

from cassandra import InvalidRequest
from cassandra.protocol import SyntaxException

from store_kit.cassandra import identity as cassandra_identity
from store_kit.cassandra.keyspace import Access, Cassandra, DatabaseOutcomeUnknown, DatabaseUnavailable
from store_kit.cassandra.marks import NAME as MARKS_NAME
from store_kit.cassandra.marks import TABLE as MARKS_TABLE
from store_kit.ids import new_id
from store_kit.secrets import Secrets
from store_kit.settings import StoreSettings
from store_kit.stores.migrations import Migration, SchemaError, check_applied, read_migrations
from store_kit.telemetry.logs import get_logger
from store_kit.telemetry.metrics import Metrics

_LOOK_AGAIN_S: Final = 0.5
_LEASE_S: Final = 60
_KEYSPACE: Final = (
    "CREATE KEYSPACE IF NOT EXISTS {{keyspace}} WITH replication = "
    "{{'class': 'NetworkTopologyStrategy', '{datacenter}': {replication}}} AND durable_writes = true"
)
_MIGRATIONS_TABLE: Final = """
    CREATE TABLE IF NOT EXISTS schema_migrations (
        service text, number int, name text, checksum text, PRIMARY KEY (service, number)
    ) WITH comment = 'Applied schema files; some tens of rows.'
      AND compaction = {'class': 'SizeTieredCompactionStrategy'} AND speculative_retry = '50ms'
"""
_LEASE_TABLE: Final = """
    CREATE TABLE IF NOT EXISTS schema_lease (service text PRIMARY KEY, owner text)
    WITH comment = 'Who migrates now; one row.'
      AND compaction = {'class': 'SizeTieredCompactionStrategy'} AND default_time_to_live = 60
      AND speculative_retry = '50ms'
"""
_APPLIED: Final = "SELECT number, checksum FROM schema_migrations WHERE service = ?"
_RECORD: Final = "INSERT INTO schema_migrations (service, number, name, checksum) VALUES (?, ?, ?, ?)"
_TAKE: Final = "INSERT INTO schema_lease (service, owner) VALUES (?, ?) IF NOT EXISTS USING TTL ?"
_RENEW: Final = "UPDATE schema_lease USING TTL ? SET owner = ? WHERE service = ? IF owner = ?"
_GIVE_BACK: Final = "DELETE FROM schema_lease WHERE service = ? IF owner = ?"
_PART: Final = re.compile(r"""'(?:[^']|'')*'|"[^"]*"|--[^\n]*|//[^\n]*|/\*.*?\*/|;|.""", re.DOTALL)
"""Text in quotes, a comment, the end of a statement, or any other character."""
_log = get_logger("schema")


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """How far the schema of a keyspace is."""

    applied: int
    known: int
    waiting: tuple[str, ...]
    """The files that would be applied."""


class Schema:
    """The schema of one service in Cassandra.

    Args:
        service: its name.
        folder: its numbered CQL files.
        begin_anew: the services, or keyspaces, that may begin empty although the others miss them.
        lease_s: how long a runner that died blocks the others; longer than any one statement takes.
    """

    def __init__(
        self, service: str, folder: Traversable, *, lease_s: int = _LEASE_S, begin_anew: Container[str] = ()
    ) -> None:
        self._service = service
        self._begin_anew = begin_anew
        self._lease_s = lease_s
        self._migrations = read_migrations(folder)

    async def status(self, database: Cassandra) -> SchemaStatus:
        """Say what is applied and what waits; changes nothing.

        Raises:
            SchemaError: the keyspace belongs to newer code, or an applied file was changed.
        """
        waiting = await self._waiting(database)
        known = len(self._migrations)
        return SchemaStatus(known - len(waiting), known, tuple(m.name for m in waiting))

    async def migrate(self, database: Cassandra) -> Sequence[str]:
        """Bring the keyspace up to date and return the names of the files that were applied.

        Two at once: one works, the other waits for it.

        Raises:
            SchemaError: the keyspace belongs to newer code, an applied file was changed, or one is not valid CQL.
        """
        if await self._awaited(database) is None:
            return ()
        where = database.where
        await database.run(_KEYSPACE.format(datacenter=where.datacenter, replication=where.replication))
        for table in (_MIGRATIONS_TABLE, _LEASE_TABLE, MARKS_TABLE, cassandra_identity.TABLE):
            await database.run(table)
        owner = new_id()
        while not await self._take(database, owner):  # noqa: ASYNC110 - another process holds it
            await asyncio.sleep(_LOOK_AGAIN_S)
        try:
            # Before the first file: tables without an id would be taken for those of a version without ids.
            own, wanted = await cassandra_identity.decide(database, begin_anew=self._begins_anew(database))
            await cassandra_identity.save(database, database.service, own, wanted)
            return [
                await self._apply(database, migration, owner) for migration in await self._waiting(database)
            ]
        finally:
            # If this fails the lease expires by itself; the files are applied, so it must not look like a failure.
            with contextlib.suppress(DatabaseUnavailable, DatabaseOutcomeUnknown):
                await database.apply("schema_lease.delete", (_GIVE_BACK, (self._service, owner)))

    async def wait_until_current(self, database: Cassandra) -> None:
        """Return once the keyspace is what the code expects; another process migrates it.

        Raises:
            SchemaError: the keyspace belongs to newer code, or an applied file was changed.
        """
        while awaited := await self._awaited(database):
            _log.warning("schema.awaited", service=self._service, next=awaited)
            await asyncio.sleep(_LOOK_AGAIN_S)

    def _begins_anew(self, database: Cassandra) -> bool:
        return self._service in self._begin_anew or database.keyspace in self._begin_anew

    async def _awaited(self, database: Cassandra) -> str | None:
        """Return the first file that waits, or the table of the kit that a keyspace of an earlier version lacks."""
        waiting = await self._waiting(database)
        if waiting:
            return waiting[0].name
        for table in (MARKS_NAME, cassandra_identity.NAME):
            if not await database.has_table(table):
                return table
        return None

    async def _waiting(self, database: Cassandra) -> list[Migration]:
        applied = await self._applied(database)
        check_applied(applied, self._migrations, f"keyspace {database.keyspace}")
        return self._migrations[len(applied) :]

    async def _applied(self, database: Cassandra) -> dict[int, str]:
        if not await database.has_table("schema_migrations"):
            return {}
        try:
            rows = await database.all("schema_migrations.list", _APPLIED, (self._service,))
        except InvalidRequest:
            # Another runner is creating the table at this moment: it is listed before every node can use it.
            return {}
        return {int(number): str(checksum) for number, checksum in rows}

    async def _take(self, database: Cassandra, owner: str) -> bool:
        take = (_TAKE, (self._service, owner, self._lease_s))
        return await database.apply_and_resolve(
            "schema_lease.insert", take, proof=lambda: self._renew(database, owner)
        )

    async def _renew(self, database: Cassandra, owner: str) -> bool:
        return await database.apply(
            "schema_lease.renew", (_RENEW, (self._lease_s, owner, self._service, owner))
        )

    async def _apply(self, database: Cassandra, migration: Migration, owner: str) -> str:
        for statement in statements(migration.sql):
            if not await self._renew(database, owner):
                raise RuntimeError("The schema lease was lost; start the migration again.")
            try:
                await database.run(statement)
            except (
                SyntaxException
            ) as error:  # waiting would not help, as it does for all else that fails here
                raise SchemaError(f"{migration.name} is not valid CQL: {error}") from error
        row = (self._service, migration.number, migration.name, migration.checksum)
        await database.write("schema_migrations.insert", (_RECORD, row))
        _log.info("schema.applied", service=self._service, file=migration.name)
        return migration.name


def statements(cql: str) -> list[str]:
    """Return the statements of a CQL file, without its comments; quoted text is left as it is."""
    found = [""]
    for part in _PART.findall(cql):
        if part == ";":
            found.append("")
        elif not part.startswith(("--", "//", "/*")):
            found[-1] += part
    return [statement.strip() for statement in found if statement.strip()]


def open_keyspace(
    service: str,
    folder: Traversable,
    *,
    settings: StoreSettings,
    secrets: Secrets,
    metrics: Metrics,
    ready: Callable[[Cassandra], Awaitable[None]] | None = None,
) -> Cassandra:
    """Return a service's keyspace as a resource: it opens when the database is there and the schema fits.

    Whether the service migrates it or waits for `store migrate` is the setting `migrate_at_start`. Then `ready` is
    awaited, before any other statement may be sent.

    Raises:
        ValueError: the settings name no cluster.
    """
    schema = Schema(service, folder, begin_anew=settings.begins_anew)
    migrates = settings.embedded if settings.migrate_at_start is None else settings.migrate_at_start

    async def prepare(database: Cassandra) -> None:
        if migrates:
            await schema.migrate(database)
        await schema.wait_until_current(database)
        await cassandra_identity.renew(database)
        database.also_check = cassandra_identity.Watch(database)
        if ready is not None:
            await ready(database)

    return new_keyspace(service, settings=settings, secrets=secrets, metrics=metrics, ready=prepare)


def new_keyspace(
    service: str,
    *,
    settings: StoreSettings,
    secrets: Secrets,
    metrics: Metrics,
    ready: Callable[[Cassandra], Awaitable[None]] | None = None,
) -> Cassandra:
    """Return a service's keyspace, whatever its schema; `ready` as in `Cassandra`.

    Raises:
        ValueError: the settings name no cluster.
    """
    if settings.cluster is None:
        raise ValueError("STORE_DATABASE names no cluster")
    access = Access(
        username=settings.database_username,
        password=secrets.text("database_password", at_least=1) if settings.database_username else None,
        ca_file=str(settings.database_ca_file) if settings.database_ca_file else None,
    )
    return Cassandra(
        settings.cluster,
        service,
        metrics=metrics,
        access=access,
        timeout_s=settings.database_timeout_s,
        ready=ready,
    )
