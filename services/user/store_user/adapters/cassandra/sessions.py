"""Sessions in Cassandra: a session and the proofs of its rotations are one partition of the table `families`.

A session expires with everything it has. What changes it is written with a whole session's time to live, so the rest
of an expired session is deleted one lifetime later. It is never shown.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import astuple
from typing import Final

from store_kit.cassandra.keyspace import Cassandra, Row, RowProof
from store_kit.clock import Clock
from store_kit.ids import new_id

from store_user.domain import Session

_OPEN: Final = (
    "INSERT INTO families (family_id, entry, account_id, credentials, generation, rotated_at_ms, expires_at_ms,"
    " revoked) VALUES (?, 0, ?, ?, ?, ?, ?, ?) IF NOT EXISTS USING TTL ?"
)
_GET: Final = (
    "SELECT account_id, credentials, generation, rotated_at_ms, expires_at_ms, revoked"
    " FROM families WHERE family_id = ? AND entry = 0"
)
_ANNOUNCE: Final = "INSERT INTO families_by_account (account_id, family_id) VALUES (?, ?) USING TTL ?"
_OF_ACCOUNT: Final = "SELECT family_id FROM families_by_account WHERE account_id = ? LIMIT ?"
_ROTATE: Final = (
    "UPDATE families USING TTL ? SET generation = ?, rotated_at_ms = ? WHERE family_id = ? AND entry = 0"
    " IF generation = ? AND revoked = false"
)
_PROVE: Final = "INSERT INTO families (family_id, entry, proof) VALUES (?, ?, ?) USING TTL 600"
_PROOF: Final = "SELECT proof FROM families WHERE family_id = ? AND entry = ?"
_RETAIN: Final = (
    "UPDATE families USING TTL ? SET credentials = ? WHERE family_id = ? AND entry = 0 IF credentials < ?"
)
_REVOKE: Final = (
    "UPDATE families USING TTL ? SET revoked = true WHERE family_id = ? AND entry = 0 IF revoked = false"
)


class CassandraSessions:
    """The port `SessionStore`.

    Args:
        db: the keyspace.
        clock: what time it is when a session begins.
        lifetime_s: how long a session lives at most.
    """

    def __init__(self, db: Cassandra, clock: Clock, *, lifetime_s: int) -> None:
        self._db = db
        self._clock = clock
        self._lifetime_s = lifetime_s

    async def insert_session(self, session: Session) -> None:
        """Write a new session, its row of the account first; safe to repeat."""
        left_s = max(1, math.ceil((session.expires_at_ms - self._clock.now_ms()) / 1000))
        announced = (_ANNOUNCE, (session.account_id, session.id, left_s))
        await self._db.write("families_by_account.insert", announced)
        row = (*astuple(session), left_s)
        is_there = _proof_of(session.id, lambda found: found is not None)
        await self._db.apply_and_resolve("families.open", (_OPEN, row), proof=is_there)

    async def find_session(self, session_id: str) -> Session | None:
        """Return the session."""
        return _session(session_id, await self._db.one("families.get", _GET, (session_id,)))

    async def list_sessions(self, account_id: str, *, limit: int) -> Sequence[Session]:
        """Return an account's sessions, newest first: ids begin with the time they were made."""
        rows = await self._db.all("families_by_account.list", _OF_ACCOUNT, (account_id, limit))
        found = await asyncio.gather(*(self.find_session(str(session_id)) for (session_id,) in rows))
        return [session for session in found if session is not None]

    async def rotate_session(self, session_id: str, *, generation: int, at_ms: int) -> bool:
        """Advance by compare-and-set; the token beside the row tells who did it."""
        token, following = new_id(), generation + 1
        change = (_ROTATE, (self._lifetime_s, following, at_ms, session_id, generation))
        mark = (_PROVE, (session_id, following, token))
        is_ours = RowProof("families.proof", _PROOF, (session_id, following), lambda row: row == (token,))
        return await self._db.apply_and_resolve("families.rotate", change, mark, proof=is_ours)

    async def retain_session(self, session_id: str, *, credentials: int) -> None:
        """Let the session survive a password change; the count only grows, whichever writer sets it."""
        change = (_RETAIN, (self._lifetime_s, credentials, session_id, credentials))
        is_retained = _proof_of(
            session_id, lambda found: found is not None and found.credentials >= credentials
        )
        await self._db.apply_and_resolve("families.keep", change, proof=is_retained)

    async def revoke_session(self, session_id: str) -> None:
        """Make the session worthless, whichever writer does it."""
        is_revoked = _proof_of(session_id, lambda found: found is None or found.revoked)
        change = (_REVOKE, (self._lifetime_s, session_id))
        await self._db.apply_and_resolve("families.revoke", change, proof=is_revoked)

    async def sweep_sessions(self, *, expired_before_ms: int, limit: int) -> int:  # noqa: ARG002 - the port's shape
        """Return 0: sessions vanish by themselves."""
        return 0


def _proof_of(session_id: str, shows: Callable[[Session | None], bool]) -> RowProof:
    """Return what reads a session and judges it."""
    return RowProof("families.get", _GET, (session_id,), lambda row: shows(_session(session_id, row)))


def _session(session_id: str, row: Row | None) -> Session | None:
    if row is None or None in row[:-1]:
        return None  # a part has expired, the rest is about to
    account_id, credentials, generation, rotated, expires, revoked = row
    return Session(session_id, account_id, credentials, generation, rotated, expires, revoked is not False)
