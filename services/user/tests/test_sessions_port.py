"""What every store of refresh sessions must do."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from store_kit.cassandra.keyspace import Cassandra
from store_kit.clock import SystemClock
from store_user.adapters.cassandra.sessions import CassandraSessions
from store_user.adapters.sqlite.sessions import SqliteSessions
from store_user.domain.sessions import Session
from store_user.ports import SessionStore

from services.user.tests.fakes import MemorySessions
from services.user.tests.stores import LOSING, STORES_AND_LOSING, SWEEPING, Makers, opened
from tests.support.clock import ManualClock
from tests.support.wait import until

pytestmark = pytest.mark.anyio
NOW = ManualClock().now_ms()
SHORT = ("untouched", "rotated", "kept", "revoked")
SESSION = Session("session", "ann", 1, 1, NOW, NOW + 60_000)


@pytest.fixture(params=STORES_AND_LOSING)
async def sessions(request: Any, tmp_path: Path, keyspace: Cassandra | None) -> AsyncIterator[SessionStore]:
    make = Makers[SessionStore](
        MemorySessions, SqliteSessions, lambda db: CassandraSessions(db, ManualClock(), lifetime_s=60)
    )
    async with opened(request.param, make, tmp_path, keyspace) as store:
        yield store


async def test_a_session_reads_back_as_written(sessions: SessionStore) -> None:
    """What was opened is what is there; an unknown one is nothing."""
    await sessions.insert_session(SESSION)
    assert await sessions.find_session("session") == SESSION
    assert await sessions.find_session("other") is None


async def test_one_of_many_rotations_wins(sessions: SessionStore, request: pytest.FixtureRequest) -> None:
    """Fifty parallel rotations of one generation advance it once."""
    await sessions.insert_session(SESSION)
    callers = 10 if LOSING in request.node.name else 50
    wins = await asyncio.gather(
        *(sessions.rotate_session("session", generation=1, at_ms=NOW + 1) for _ in range(callers))
    )
    assert wins.count(True) == 1
    assert await sessions.find_session("session") == replace(SESSION, generation=2, rotated_at_ms=NOW + 1)


async def test_only_the_newest_generation_rotates(sessions: SessionStore) -> None:
    """Each generation rotates once, in order; an older, a younger, an unknown one not at all."""
    await sessions.insert_session(SESSION)
    for generation in range(1, 6):
        assert not await sessions.rotate_session("session", generation=generation + 1, at_ms=NOW)
        assert await sessions.rotate_session("session", generation=generation, at_ms=NOW + generation)
        assert not await sessions.rotate_session("session", generation=generation, at_ms=NOW + 100)
    assert not await sessions.rotate_session("other", generation=1, at_ms=NOW)
    assert await sessions.find_session("session") == replace(SESSION, generation=6, rotated_at_ms=NOW + 5)


async def test_what_is_revoked_stays_so_and_rotates_no_more(sessions: SessionStore) -> None:
    """Revoking is for good and may be repeated; unknown sessions are no error."""
    await sessions.insert_session(SESSION)
    await sessions.revoke_session("session")
    await sessions.revoke_session("session")
    await sessions.revoke_session("other")
    assert not await sessions.rotate_session("session", generation=1, at_ms=NOW + 1)
    assert await sessions.find_session("session") == replace(SESSION, revoked=True)
    assert await sessions.find_session("other") is None


async def test_revoking_wins_against_rotations_at_the_same_time(sessions: SessionStore) -> None:
    """However they interleave: at the end the session is revoked, and the caller that rotated it knows."""
    await sessions.insert_session(SESSION)
    _, *rotated = await asyncio.gather(
        sessions.revoke_session("session"),
        *(sessions.rotate_session("session", generation=1, at_ms=NOW) for _ in range(5)),
    )
    found = await sessions.find_session("session")
    assert found == replace(SESSION, revoked=True, generation=1 + rotated.count(True))


async def test_a_session_is_kept_through_a_password_change(sessions: SessionStore) -> None:
    """Keeping it writes the new count and nothing else; repeating is harmless."""
    await sessions.insert_session(SESSION)
    await sessions.retain_session("session", credentials=2)
    await sessions.retain_session("session", credentials=2)
    await sessions.retain_session("other", credentials=2)
    assert await sessions.find_session("session") == replace(SESSION, credentials=2)
    await sessions.retain_session("session", credentials=4)
    assert await sessions.find_session("session") == replace(SESSION, credentials=4)
    assert await sessions.find_session("other") is None


@pytest.mark.parametrize("sessions", SWEEPING, indirect=True)
async def test_the_sweep_takes_expired_sessions(sessions: SessionStore) -> None:
    """Only what expired before the mark goes, a bounded number at a time."""
    for number in range(4):
        await sessions.insert_session(replace(SESSION, id=f"f{number}", expires_at_ms=NOW + number))
    assert await sessions.sweep_sessions(expired_before_ms=NOW + 3, limit=2) == 2
    assert await sessions.sweep_sessions(expired_before_ms=NOW + 3, limit=2) == 1
    assert await sessions.sweep_sessions(expired_before_ms=NOW + 3, limit=2) == 0
    assert await sessions.find_session("f3") is not None


async def test_what_has_expired_is_gone_with_all_that_happened_to_it(sessions: SessionStore) -> None:
    """Rotated, kept, revoked or untouched: after its time a session is not there; a longer one is."""
    await sessions.insert_session(SESSION)
    for id_ in SHORT:
        await sessions.insert_session(replace(SESSION, id=id_, expires_at_ms=NOW + 1_000))
    await asyncio.gather(
        sessions.rotate_session("rotated", generation=1, at_ms=NOW),
        sessions.retain_session("kept", credentials=2),
        sessions.revoke_session("revoked"),
    )
    real, begun_ms = SystemClock(), SystemClock().now_ms()

    async def gone() -> bool:
        await sessions.sweep_sessions(expired_before_ms=NOW + real.now_ms() - begun_ms, limit=10)
        return [await sessions.find_session(id_) for id_ in SHORT] == [None] * len(SHORT)

    await until(gone, "the expired sessions are gone")
    assert not await sessions.rotate_session("rotated", generation=2, at_ms=NOW)
    assert await sessions.find_session("session") == SESSION


async def test_an_accounts_sessions_are_listed_newest_first(sessions: SessionStore) -> None:
    """One's own, ended ones too, and none of others."""
    for number in (1, 3, 2):
        await sessions.insert_session(replace(SESSION, id=f"f{number}"))
    await sessions.insert_session(replace(SESSION, id="f9", account_id="bob"))
    await sessions.revoke_session("f2")
    listed = await sessions.list_sessions("ann", limit=10)
    assert [(one.id, one.revoked) for one in listed] == [("f3", False), ("f2", True), ("f1", False)]
    assert [one.id for one in await sessions.list_sessions("ann", limit=2)] == ["f3", "f2"]
    assert await sessions.list_sessions("nobody", limit=2) == []
