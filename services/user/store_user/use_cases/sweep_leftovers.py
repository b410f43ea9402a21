"""Delete what has expired or was abandoned."""

from dataclasses import dataclass
from typing import Final

from store_kit.clock import Clock

from store_user.ports import AccountStore, NotificationStore, RevocationStore, SessionStore

BATCH: Final = 500
DRAFT_AGE_MS: Final = 3_600_000
"""Far longer than any request lives: a registration that is still under way must not lose its draft."""

REVOCATION_AGE_MS: Final = 3_600_000
"""Far longer than any access token lives."""


@dataclass(frozen=True, slots=True)
class SweepLeftovers:
    """Delete abandoned drafts, expired sessions and old news, a bounded number each time."""

    accounts: AccountStore
    sessions: SessionStore
    notifications: NotificationStore
    revocations: RevocationStore
    clock: Clock
    keep_notifications_ms: int

    async def __call__(self) -> int:
        """Return how much was deleted."""
        now_ms = self.clock.now_ms()
        drafts = await self.accounts.sweep_drafts(drafted_before_ms=now_ms - DRAFT_AGE_MS, limit=BATCH)
        sessions = await self.sessions.sweep_sessions(expired_before_ms=now_ms, limit=BATCH)
        old_ms = now_ms - self.keep_notifications_ms
        ended = await self.revocations.sweep_revocations(before_ms=now_ms - REVOCATION_AGE_MS, limit=BATCH)
        return (
            drafts
            + sessions
            + ended
            + await self.notifications.sweep_notifications(before_ms=old_ms, limit=BATCH)
        )
