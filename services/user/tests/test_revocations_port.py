"""What every store of revocations must do."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from store_kit.cassandra import Cassandra
from store_kit.clock import ManualClock
from store_kit.sqlite import Sqlite
from store_kit.testing import empty, test_cluster
from store_user.adapters.cassandra_revocations import CassandraRevocations
from store_user.adapters.sqlite_revocations import SqliteRevocations
from store_user.adapters.stores import SCHEMA
from store_user.ports import Revocations

from services.user.tests.fakes import MemoryRevocations

pytestmark = pytest.mark.anyio
NOW = ManualClock().now_ms()
MINUTE_MS = 60_000


@pytest.fixture(params=["sqlite", "memory", *(["cassandra"] if test_cluster() else [])])
async def revocations(request: Any, tmp_path: Path, keyspace: Cassandra | None) -> AsyncIterator[Revocations]:
    if request.param == "memory":
        yield MemoryRevocations()
        return
    if request.param == "sqlite":
        db = Sqlite(tmp_path / "user.db", SCHEMA / "sqlite")
        await db.open()
        yield SqliteRevocations(db)
        await db.close()
        return
    assert keyspace is not None
    await empty(keyspace)
    yield CassandraRevocations(keyspace, ManualClock())


async def test_what_was_noted_lately_is_listed(revocations: Revocations) -> None:
    """Each account with its last time; what is older than asked for is not there; a clock ahead is believed."""
    for name, ago_min in (("old", 20), ("ann", 11), ("bob", 7), ("ann", 1), ("eve", 0), ("ahead", -1)):
        await revocations.announce(name, at_ms=NOW - ago_min * MINUTE_MS)
    assert await revocations.since(NOW - 12 * MINUTE_MS) == {
        "ann": NOW - MINUTE_MS,
        "bob": NOW - 7 * MINUTE_MS,
        "eve": NOW,
        "ahead": NOW + MINUTE_MS,
    }


async def test_a_late_note_does_not_make_an_account_older(revocations: Revocations) -> None:
    """Of two notes of one account the later time stays, whichever came last."""
    await revocations.announce("ann", at_ms=NOW)
    await revocations.announce("ann", at_ms=NOW - 6 * MINUTE_MS)
    assert await revocations.since(NOW - 10 * MINUTE_MS) == {"ann": NOW}


async def test_old_notes_are_swept(revocations: Revocations) -> None:
    """A number at a time; new ones stay."""
    for number in range(3):
        await revocations.announce(f"old {number}", at_ms=NOW - 60 * MINUTE_MS)
    await revocations.announce("new", at_ms=NOW)
    while await revocations.sweep(before_ms=NOW - 30 * MINUTE_MS, limit=2):
        pass
    assert await revocations.since(NOW - 30 * MINUTE_MS) == {"new": NOW}
