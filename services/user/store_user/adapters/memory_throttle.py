"""Attempts counted in this process by the kit's limiters; each replica counts its own."""

import hashlib
import math
from typing import Final

from cachetools import LRUCache
from store_kit.clock import Clock
from store_kit.problems import TooManyRequests
from store_kit.rates import Limiter, Rate

from store_user.ports import Caller
from store_user.settings import UserSettings

LONGEST_WAIT_S: Final = 2.0
"""A person hardly notices; guessing passwords becomes hopeless."""
_WAITING: Final = 256
_WAITING_PER_ACCOUNT: Final = 8
_KNOWN: Final = 50_000


class MemoryThrottle:
    """The port `Throttle`.

    Too many attempts on one account from one address are refused (429): that is guessing. Too many on one account from
    anywhere are slowed, and a bounded number may wait: guesses from everywhere must not shut the owner out (ASVS 5.0,
    6.1.1). An address that has signed in to the account before never waits.
    """

    def __init__(self, settings: UserSettings, clock: Clock) -> None:
        self._clock = clock
        self._by_address = Limiter(Rate.parse(settings.user_login_limit_address))
        self._by_both = Limiter(Rate.parse(settings.user_login_limit_account))
        self._by_account = Limiter(Rate.parse(settings.user_login_slow_account))
        self._registrations = Limiter(Rate.parse(settings.user_register_limit_address))
        self._known: LRUCache[str, None] = LRUCache(_KNOWN)
        self._waiting: dict[str, int] = {}
        self._waiters = 0

    async def admit_login(self, email: str, caller: Caller) -> None:
        """Count an attempt to log in."""
        _count(self._by_address, caller.address)
        account, both = _digest(email), _digest(email, caller.address)
        _count(self._by_both, both)
        wait_s = min(LONGEST_WAIT_S, self._by_account.hit(account))
        if wait_s > 0 and both not in self._known:
            await self._wait(account, wait_s, caller)

    @property
    def waiting(self) -> int:
        """How many attempts wait right now."""
        return self._waiters

    async def admit_registration(self, caller: Caller) -> None:
        """Count an attempt to register."""
        _count(self._registrations, caller.address)

    async def forgive_attempts(self, email: str, caller: Caller) -> None:
        """Forget the attempts; remember that the owner signs in from there."""
        account, both = _digest(email), _digest(email, caller.address)
        self._by_account.forget(account)
        self._by_both.forget(both)
        self._known[both] = None

    async def _wait(self, account: str, seconds: float, caller: Caller) -> None:
        here = self._waiting.get(account, 0)
        if self._waiters >= _WAITING or here >= _WAITING_PER_ACCOUNT:
            raise _too_many(seconds)
        caller.on_wait()
        self._waiters += 1
        self._waiting[account] = here + 1
        try:
            await self._clock.sleep(seconds)
        finally:
            self._waiters -= 1
            self._waiting[account] -= 1
            if not self._waiting[account]:
                del self._waiting[account]


def _count(limiter: Limiter, key: str) -> None:
    wait_s = limiter.hit(key)
    if wait_s > 0:
        raise _too_many(wait_s)


def _too_many(wait_s: float) -> TooManyRequests:
    return TooManyRequests("Too many attempts; wait before the next one.", retry_after_s=math.ceil(wait_s))


def _digest(email: str, address: str = "") -> str:
    """Return a short key, so that long input takes no memory and no dump shows an address."""
    text = f"{address} {email}"  # no address has a blank in it
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]
