"""Making a backup of a shop and restoring it, whichever database it keeps its truth in."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from store_kit.cassandra.keyspace import Cassandra
from store_kit.clock import Clock, rfc3339
from store_kit.running.service import VERSION
from store_kit.settings import StoreSettings
from store_kit.shop import SERVICES

from store_cli.backup import cassandra_tables, sqlite_files
from store_cli.backup.folder import (
    SECRETS,
    BackupError,
    Manifest,
    copy_secrets,
    new_folder,
    read_manifest,
    write_manifest,
)
from store_cli.migrate.schemas import migrate, usable_keyspace

SQLITE, CASSANDRA = "sqlite", "cassandra"
_WAIT_S = 60.0


async def back_up(settings: StoreSettings, target: Path, clock: Clock) -> Manifest:
    """Write everything the shop knows, at one moment, into a new folder.

    Raises:
        BackupError: it cannot be made.
        DatabaseUnavailable: the cluster did not answer in time.
    """
    with new_folder(target) as draft:
        if settings.cluster is None:
            rows = sqlite_files.copy_databases(sqlite_files.database_files(settings.data_dir), draft)
        else:
            async with _keyspaces(settings) as databases:
                rows = await cassandra_tables.export(databases, draft)
        copy_secrets(settings.secrets_path, draft / SECRETS)
        kind = SQLITE if settings.cluster is None else CASSANDRA
        return write_manifest(draft, kind, rfc3339(clock.now_ms()), VERSION, rows)


async def restore(settings: StoreSettings, source: Path) -> Manifest:
    """Put a backup into a data folder that does not exist yet, and into empty keyspaces.

    Raises:
        BackupError: it is not whole, of the other database, or something is in its way.
        DatabaseUnavailable: the cluster did not answer in time.
    """
    manifest = read_manifest(source)
    kind = SQLITE if settings.cluster is None else CASSANDRA
    if manifest.database != kind:
        raise BackupError(
            f"{source} is a backup of a shop on {manifest.database}; STORE_DATABASE says {kind}."
        )
    with new_folder(settings.data_dir) as draft:
        if settings.cluster is None:
            sqlite_files.copy_databases(sqlite_files.database_files(source), draft)
        else:
            await migrate(settings, _WAIT_S)
            async with _keyspaces(settings) as databases:
                await cassandra_tables.put_back(databases, source)
        copy_secrets(source / SECRETS, draft / SECRETS)
    return manifest


@contextlib.asynccontextmanager
async def _keyspaces(settings: StoreSettings) -> AsyncIterator[Sequence[Cassandra]]:
    async with contextlib.AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(usable_keyspace(service, settings, _WAIT_S))
            for service in SERVICES
        ]
