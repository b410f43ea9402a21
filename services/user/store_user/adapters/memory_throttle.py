"""Attempts counted in this process by the library `limits`; each replica counts its own."""

import hashlib
import math
import time

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from store_kit.problems import TooManyRequests

from store_user.settings import UserSettings


class MemoryThrottle:
    """The port `Throttle`, with sliding windows; what is counted is forgotten two windows later."""

    def __init__(self, settings: UserSettings) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._login_account = parse(settings.user_login_limit_account)
        self._login_address = parse(settings.user_login_limit_address)
        self._register_address = parse(settings.user_register_limit_address)

    async def login(self, *, email: str, address: str) -> None:
        """Count an attempt to log in."""
        await self._hit(self._login_address, "login-address", address)
        await self._hit(self._login_account, "login-account", _digest(email))

    async def registration(self, *, address: str) -> None:
        """Count an attempt to register."""
        await self._hit(self._register_address, "register-address", address)

    async def forgive(self, *, email: str) -> None:
        """Forget the account's attempts."""
        await self._limiter.clear(self._login_account, "login-account", _digest(email))

    async def _hit(self, limit: RateLimitItem, what: str, who: str) -> None:
        if not await self._limiter.hit(limit, what, who):
            reset_at_s = (await self._limiter.get_window_stats(limit, what, who)).reset_time
            raise TooManyRequests(
                "Too many attempts; wait before the next one.",
                retry_after_s=math.ceil(max(1.0, reset_at_s - time.time())),
            )


def _digest(email: str) -> str:
    """Return a short key, so that long input takes no memory and no dump shows an address."""
    return hashlib.sha256(email.encode(errors="surrogatepass")).hexdigest()[:32]
