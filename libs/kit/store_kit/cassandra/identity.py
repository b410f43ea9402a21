"""The identity of a shop's keyspaces: one row of the kit's own in each of them (`shop_identity` has the rules).

A keyspace is compared with the others of its prefix. One that may not be read is left out.
"""

import json
import math
import time
from collections.abc import Mapping
from typing import Final

from cassandra import RequestValidationException
from cassandra.protocol import RequestValidationException as RequestValidationMessage

from store_kit.cassandra.keyspace import Cassandra, RowProof
from store_kit.ids import new_id
from store_kit.stores.shop_identity import Identity, wanted_identity

SERVICES: Final = ("catalog", "cart", "order", "user")
"""The services that have a keyspace."""
NAME: Final = "shop_identity"
TABLE: Final = """
    CREATE TABLE IF NOT EXISTS shop_identity (service text PRIMARY KEY, shop text, name text, awaits text)
    WITH comment = 'Whose keyspace this is; one row.'
      AND compaction = {'class': 'SizeTieredCompactionStrategy'} AND speculative_retry = '50ms'
"""
_TABLES: Final = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?"
_USED: Final = "SELECT number FROM {keyspace}.schema_migrations WHERE service = ? LIMIT 1"
_READ: Final = "SELECT shop, name, awaits FROM {keyspace}.shop_identity WHERE service = ?"
_TRY: Final = "INSERT INTO shop_marks (name, value) VALUES ('try', '')"
_TRY_EVERY_S: Final = 5.0
_MAKE: Final = "INSERT INTO shop_identity (service, shop, name, awaits) VALUES (?, ?, ?, ?) IF NOT EXISTS"
_CHANGE: Final = "UPDATE shop_identity SET shop = ?, awaits = ? WHERE service = ? IF shop = ? AND awaits = ?"


async def look_at(database: Cassandra, service: str) -> Identity:
    """Return the identity of a service's keyspace, seen from the one that is open."""
    return await row_of(database, database.where.keyspace(service), service)


async def row_of(database: Cassandra, keyspace: str, service: str) -> Identity:
    """Return the identity of a keyspace for a service, seen from the one that is open."""
    tables = {name for (name,) in await database.all("tables.list", _TABLES, (keyspace,))}
    if "schema_migrations" not in tables:
        return Identity(keyspace)
    try:
        used = await database.one("schema_migrations.any", _USED.format(keyspace=keyspace), (service,))
        row = None
        if NAME in tables:
            row = await database.one(
                "shop_identity.get", _READ.format(keyspace=keyspace), (service,), serial=True
            )
    except (RequestValidationException, RequestValidationMessage):
        # Not ours to read, or another runner is creating it at this moment.
        return Identity(keyspace, seen=False)
    if row is None:
        return Identity(keyspace, used is not None)
    shop, calls_itself, awaits = row
    return Identity(keyspace, used is not None, shop, calls_itself, json.loads(awaits))


async def decide(database: Cassandra, *, begin_anew: bool) -> tuple[Identity, Identity]:
    """Return the identity of the open keyspace: as it is, and as it should be.

    Raises:
        SchemaError: the others miss it, or it belongs to another shop.
    """
    own = await look_at(database, database.service)
    others = [await look_at(database, service) for service in SERVICES if service != database.service]
    return own, wanted_identity(own, others, new_id(), begin_anew=begin_anew)


async def save(database: Cassandra, service: str, own: Identity, wanted: Identity) -> None:
    """Write the identity that the open keyspace should have, unless it has been changed meanwhile.

    Raises:
        DatabaseUnavailable: nothing was written.
        DatabaseOutcomeUnknown: it stayed in doubt for too long; the next look tells.
    """
    if (own.shop, own.awaits) == (wanted.shop, wanted.awaits):
        return

    name, awaits = wanted.calls_itself, _text(wanted.awaits)
    if own.shop is None:
        operation, cql = "shop_identity.insert", _MAKE
        params: tuple[str | None, ...] = (service, wanted.shop, name, awaits)
    else:
        operation, cql = "shop_identity.update", _CHANGE
        params = (wanted.shop, awaits, service, own.shop, _text(own.awaits))
    read = _READ.format(keyspace=database.keyspace)
    proof = RowProof("shop_identity.get", read, (service,), lambda row: row == (wanted.shop, name, awaits))
    await database.apply_and_resolve(operation, (cql, params), proof=proof)


async def renew(database: Cassandra) -> bool:
    """Compare the open keyspace with the others once more; say whether all of them have been seen to agree.

    Raises:
        SchemaError: it belongs to another shop than they do.
    """
    own, wanted = await decide(database, begin_anew=False)
    await save(database, database.service, own, wanted)
    return not wanted.awaits


class Watch:
    """What a health check does besides reading: now and then a small write, and a look at the others until all agree.

    Args:
        database: the keyspace.
    """

    def __init__(self, database: Cassandra) -> None:
        self._database = database
        self._agreed = False
        self._tried_at = -math.inf

    async def __call__(self) -> None:
        """Pass when a write succeeds, or one did lately.

        Raises:
            DatabaseUnavailable: the write was refused.
            DatabaseOutcomeUnknown: the write was not confirmed.
            SchemaError: the keyspace turned out to belong to another shop.
        """
        now = time.monotonic()
        if now - self._tried_at < _TRY_EVERY_S:
            return
        await self._database.write_once("shop_marks.try", (_TRY, ()))
        self._agreed = self._agreed or await renew(self._database)
        self._tried_at = now


def _text(awaits: Mapping[str, str]) -> str:
    return json.dumps(dict(awaits), sort_keys=True)
