"""What every store of refresh families must do."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from store_kit.sqlite import Sqlite
from store_user.adapters.sqlite_families import SqliteFamilies
from store_user.domain import Family
from store_user.ports import Families

from services.user.tests.fakes import MemoryFamilies

pytestmark = pytest.mark.anyio
FAMILY = Family("family", "ann", 1, 1, 1000, 9000)


@pytest.fixture(params=["sqlite", "memory"])
async def families(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Families]:
    if request.param == "memory":
        yield MemoryFamilies()
        return
    db = Sqlite(tmp_path / "user.db", files("store_user") / "schema" / "sqlite")
    await db.open()
    yield SqliteFamilies(db)
    await db.close()


async def test_a_family_reads_back_as_written(families: Families) -> None:
    """What was opened is what is there; an unknown one is nothing."""
    await families.open(FAMILY)
    assert await families.get("family") == FAMILY
    assert await families.get("other") is None


async def test_one_of_many_rotations_wins(families: Families) -> None:
    """Fifty parallel rotations of one generation advance it once."""
    await families.open(FAMILY)
    wins = await asyncio.gather(*(families.rotate("family", generation=1, at_ms=2000) for _ in range(50)))
    assert wins.count(True) == 1
    assert await families.get("family") == replace(FAMILY, generation=2, rotated_at_ms=2000)


async def test_what_is_revoked_stays_so_and_rotates_no_more(families: Families) -> None:
    """Revoking is for good and may be repeated; unknown families are no error."""
    await families.open(FAMILY)
    await families.revoke("family")
    await families.revoke("family")
    await families.revoke("other")
    assert not await families.rotate("family", generation=1, at_ms=2000)
    assert await families.get("family") == replace(FAMILY, revoked=True)


async def test_a_family_is_kept_through_a_password_change(families: Families) -> None:
    """Keeping it writes the new count and nothing else."""
    await families.open(FAMILY)
    await families.keep("family", credentials=2)
    await families.keep("other", credentials=2)
    assert await families.get("family") == replace(FAMILY, credentials=2)


async def test_the_sweep_takes_expired_families(families: Families) -> None:
    """Only what expired before the mark goes, a bounded number at a time."""
    for number in range(4):
        await families.open(replace(FAMILY, id=f"f{number}", expires_at_ms=1000 + number))
    assert await families.sweep(expired_before_ms=1003, limit=2) == 2
    assert await families.sweep(expired_before_ms=1003, limit=2) == 1
    assert await families.sweep(expired_before_ms=1003, limit=2) == 0
    assert await families.get("f3") is not None
