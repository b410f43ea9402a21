"""Take away what nobody can use any more."""

from dataclasses import dataclass
from typing import Final

from store_kit.clock import Clock

from store_user.ports import Accounts, Families, Notifications

BATCH: Final = 500
DRAFT_AGE_MS: Final = 3_600_000
"""Far longer than any request lives: a registration that is still under way must not lose its draft."""


@dataclass(frozen=True, slots=True)
class SweepLeftovers:
    """Delete abandoned drafts, expired sessions and old news, a bounded number each time."""

    accounts: Accounts
    families: Families
    notifications: Notifications
    clock: Clock
    keep_notifications_ms: int

    async def __call__(self) -> int:
        """Return how much was deleted."""
        now_ms = self.clock.now_ms()
        drafts = await self.accounts.sweep(drafted_before_ms=now_ms - DRAFT_AGE_MS, limit=BATCH)
        families = await self.families.sweep(expired_before_ms=now_ms, limit=BATCH)
        old_ms = now_ms - self.keep_notifications_ms
        return drafts + families + await self.notifications.sweep(before_ms=old_ms, limit=BATCH)
