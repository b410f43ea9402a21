"""Which access tokens have ended before their time."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from store_kit.clock import Clock

from store_user.ports import AccountStore, RevocationStore

NEVER: Final = 2**31 - 1
"""The epoch asked of tokens of an account that is gone: no token has it."""
_SETTLED_MS: Final = 60_000
"""Longer than any request lives: a change that was announced before has been made by now, or never will be."""
_FRESH_MS: Final = 500
"""Every service asks every few seconds; requests at the same time share one look."""
_SKEW_MS: Final = 60_000


@dataclass(slots=True)
class ListRevocations:
    """Name the accounts that changed within the life of an access token, with the epochs that they have now.

    The announcements are hints; the epochs are read from the accounts. Those of settled changes are remembered, so that
    a look costs what changed in the last minute.
    """

    accounts: AccountStore
    revocations: RevocationStore
    clock: Clock
    lifetime_ms: int
    _settled: dict[str, tuple[int, int]] = field(default_factory=dict)
    _answer: Mapping[str, int] = field(default_factory=dict)
    _looked_at_ms: int = -_FRESH_MS
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __call__(self) -> Mapping[str, int]:
        """Return account id -> the epoch that its tokens must have at least."""
        async with self._looking:
            now_ms = self.clock.now_ms()
            if not 0 <= now_ms - self._looked_at_ms < _FRESH_MS:
                self._answer = await self._look(now_ms)
                self._looked_at_ms = now_ms
            return self._answer

    async def _look(self, now_ms: int) -> Mapping[str, int]:
        noted = await self.revocations.list_revocations(now_ms - self.lifetime_ms - _SKEW_MS)
        settled = {id_: (at, self._settled[id_][1]) for id_, at in noted.items() if self._is_settled(id_, at)}
        unsettled = [account_id for account_id in noted if account_id not in settled]
        found = {account_id: await self._epoch(account_id) for account_id in unsettled}
        now_settled = {id_: (noted[id_], found[id_]) for id_ in found if noted[id_] < now_ms - _SETTLED_MS}
        self._settled = settled | now_settled
        return {id_: epoch for id_, (_, epoch) in settled.items()} | found

    def _is_settled(self, account_id: str, at_ms: int) -> bool:
        known = self._settled.get(account_id)
        return known is not None and known[0] == at_ms

    async def _epoch(self, account_id: str) -> int:
        account = await self.accounts.find_account(account_id)
        return account.epoch if account else NEVER
