"""What every store of revocations must do."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from store_kit.cassandra.keyspace import Cassandra
from store_user.adapters.cassandra.revocations import CassandraRevocations
from store_user.adapters.sqlite.revocations import SqliteRevocations
from store_user.ports import RevocationStore

from services.user.tests.fakes import MemoryRevocations
from services.user.tests.stores import STORES, Makers, opened
from tests.support.clock import ManualClock

pytestmark = pytest.mark.anyio
NOW = ManualClock().now_ms()
MINUTE_MS = 60_000


@pytest.fixture(params=STORES)
async def revocations(
    request: Any, tmp_path: Path, keyspace: Cassandra | None
) -> AsyncIterator[RevocationStore]:
    make = Makers[RevocationStore](
        MemoryRevocations, SqliteRevocations, lambda db: CassandraRevocations(db, ManualClock())
    )
    async with opened(request.param, make, tmp_path, keyspace) as store:
        yield store


async def test_what_was_noted_lately_is_listed(revocations: RevocationStore) -> None:
    """Each account with its last time; what is older than asked for is not there; a clock ahead is believed."""
    for name, ago_min in (("old", 20), ("ann", 11), ("bob", 7), ("ann", 1), ("eve", 0), ("ahead", -1)):
        await revocations.announce_revocation(name, at_ms=NOW - ago_min * MINUTE_MS)
    assert await revocations.list_revocations(NOW - 12 * MINUTE_MS) == {
        "ann": NOW - MINUTE_MS,
        "bob": NOW - 7 * MINUTE_MS,
        "eve": NOW,
        "ahead": NOW + MINUTE_MS,
    }


async def test_a_late_note_does_not_make_an_account_older(revocations: RevocationStore) -> None:
    """Of two notes of one account the later time stays, whichever came last."""
    await revocations.announce_revocation("ann", at_ms=NOW)
    await revocations.announce_revocation("ann", at_ms=NOW - 6 * MINUTE_MS)
    assert await revocations.list_revocations(NOW - 10 * MINUTE_MS) == {"ann": NOW}


async def test_old_notes_are_swept(revocations: RevocationStore) -> None:
    """A number at a time; new ones stay."""
    for number in range(3):
        await revocations.announce_revocation(f"old {number}", at_ms=NOW - 60 * MINUTE_MS)
    await revocations.announce_revocation("new", at_ms=NOW)
    while await revocations.sweep_revocations(before_ms=NOW - 30 * MINUTE_MS, limit=2):
        pass
    assert await revocations.list_revocations(NOW - 30 * MINUTE_MS) == {"new": NOW}
