"""What every store of refresh families must do."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from store_kit.cassandra import Cassandra
from store_kit.clock import ManualClock, SystemClock
from store_kit.sqlite import Sqlite
from store_kit.testing import empty, test_cluster
from store_user.adapters.cassandra_families import CassandraFamilies
from store_user.adapters.sqlite_families import SqliteFamilies
from store_user.adapters.stores import SCHEMA
from store_user.domain import Family
from store_user.ports import Families

from services.user.tests.fakes import MemoryFamilies
from services.user.tests.losing import Losing
from tests.support.wait import until

pytestmark = pytest.mark.anyio
LOSING = "cassandra, losing answers"
SWEEPING = ["sqlite", "memory"]
NOW = ManualClock().now_ms()
SHORT = ("untouched", "rotated", "kept", "revoked")
FAMILY = Family("family", "ann", 1, 1, NOW, NOW + 60_000)


@pytest.fixture(params=[*SWEEPING, *(["cassandra", LOSING] if test_cluster() else [])])
async def families(request: Any, tmp_path: Path, keyspace: Cassandra | None) -> AsyncIterator[Families]:
    if request.param == "memory":
        yield MemoryFamilies()
        return
    if request.param == "sqlite":
        db = Sqlite(tmp_path / "user.db", SCHEMA / "sqlite")
        await db.open()
        yield SqliteFamilies(db)
        await db.close()
        return
    assert keyspace is not None
    await empty(keyspace)
    keyspace = Losing.answers_of(keyspace) if request.param == LOSING else keyspace
    yield CassandraFamilies(keyspace, ManualClock(), lifetime_s=60)


async def test_a_family_reads_back_as_written(families: Families) -> None:
    """What was opened is what is there; an unknown one is nothing."""
    await families.open(FAMILY)
    assert await families.get("family") == FAMILY
    assert await families.get("other") is None


async def test_one_of_many_rotations_wins(families: Families, request: pytest.FixtureRequest) -> None:
    """Fifty parallel rotations of one generation advance it once."""
    await families.open(FAMILY)
    callers = 10 if LOSING in request.node.name else 50
    wins = await asyncio.gather(
        *(families.rotate("family", generation=1, at_ms=NOW + 1) for _ in range(callers))
    )
    assert wins.count(True) == 1
    assert await families.get("family") == replace(FAMILY, generation=2, rotated_at_ms=NOW + 1)


async def test_only_the_newest_generation_rotates(families: Families) -> None:
    """Each generation rotates once, in order; an older, a younger, an unknown one not at all."""
    await families.open(FAMILY)
    for generation in range(1, 6):
        assert not await families.rotate("family", generation=generation + 1, at_ms=NOW)
        assert await families.rotate("family", generation=generation, at_ms=NOW + generation)
        assert not await families.rotate("family", generation=generation, at_ms=NOW + 100)
    assert not await families.rotate("other", generation=1, at_ms=NOW)
    assert await families.get("family") == replace(FAMILY, generation=6, rotated_at_ms=NOW + 5)


async def test_what_is_revoked_stays_so_and_rotates_no_more(families: Families) -> None:
    """Revoking is for good and may be repeated; unknown families are no error."""
    await families.open(FAMILY)
    await families.revoke("family")
    await families.revoke("family")
    await families.revoke("other")
    assert not await families.rotate("family", generation=1, at_ms=NOW + 1)
    assert await families.get("family") == replace(FAMILY, revoked=True)
    assert await families.get("other") is None


async def test_revoking_wins_against_rotations_at_the_same_time(families: Families) -> None:
    """However they interleave: at the end the family is revoked, and whoever rotated it was told so."""
    await families.open(FAMILY)
    _, *rotated = await asyncio.gather(
        families.revoke("family"), *(families.rotate("family", generation=1, at_ms=NOW) for _ in range(5))
    )
    found = await families.get("family")
    assert found == replace(FAMILY, revoked=True, generation=1 + rotated.count(True))


async def test_a_family_is_kept_through_a_password_change(families: Families) -> None:
    """Keeping it writes the new count and nothing else; repeating is harmless."""
    await families.open(FAMILY)
    await families.keep("family", credentials=2)
    await families.keep("family", credentials=2)
    await families.keep("other", credentials=2)
    assert await families.get("family") == replace(FAMILY, credentials=2)
    await families.keep("family", credentials=4)
    assert await families.get("family") == replace(FAMILY, credentials=4)
    assert await families.get("other") is None


@pytest.mark.parametrize("families", SWEEPING, indirect=True)
async def test_the_sweep_takes_expired_families(families: Families) -> None:
    """Only what expired before the mark goes, a bounded number at a time."""
    for number in range(4):
        await families.open(replace(FAMILY, id=f"f{number}", expires_at_ms=NOW + number))
    assert await families.sweep(expired_before_ms=NOW + 3, limit=2) == 2
    assert await families.sweep(expired_before_ms=NOW + 3, limit=2) == 1
    assert await families.sweep(expired_before_ms=NOW + 3, limit=2) == 0
    assert await families.get("f3") is not None


async def test_what_has_expired_is_gone_with_all_that_happened_to_it(families: Families) -> None:
    """Rotated, kept, revoked or untouched: after its time a session is not there; a longer one is."""
    await families.open(FAMILY)
    for id_ in SHORT:
        await families.open(replace(FAMILY, id=id_, expires_at_ms=NOW + 1_000))
    await asyncio.gather(
        families.rotate("rotated", generation=1, at_ms=NOW),
        families.keep("kept", credentials=2),
        families.revoke("revoked"),
    )
    real, begun_ms = SystemClock(), SystemClock().now_ms()

    async def gone() -> bool:
        await families.sweep(expired_before_ms=NOW + real.now_ms() - begun_ms, limit=10)
        return [await families.get(id_) for id_ in SHORT] == [None] * len(SHORT)

    await until(gone, "the expired families are gone")
    assert not await families.rotate("rotated", generation=2, at_ms=NOW)
    assert await families.get("family") == FAMILY


async def test_an_accounts_sessions_are_listed_newest_first(families: Families) -> None:
    """One's own, ended ones too, and nobody else's."""
    for number in (1, 3, 2):
        await families.open(replace(FAMILY, id=f"f{number}"))
    await families.open(replace(FAMILY, id="f9", account_id="bob"))
    await families.revoke("f2")
    listed = await families.of_account("ann", limit=10)
    assert [(one.id, one.revoked) for one in listed] == [("f3", False), ("f2", True), ("f1", False)]
    assert [one.id for one in await families.of_account("ann", limit=2)] == ["f3", "f2"]
    assert await families.of_account("nobody", limit=2) == []
