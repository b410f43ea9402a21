"""Settings of the user service: variables `STORE_USER_*`, besides those that all services have."""

from typing import Final, Self

from pydantic import Field, model_validator
from store_kit.rates import RATE_PATTERN
from store_kit.settings import ForwardedBy, StoreSettings, TrustedProxies

_YEARS: Final = 10
"""Longer than anyone wants; Cassandra 4.1 stores nothing that expires after 2038."""
_DAY_MS: Final = 86_400_000
LONGEST_ACCESS_S: Final = 600
"""The longest life of an access token, whatever the setting says or said before."""


class UserSettings(StoreSettings):
    """Tokens, passwords and throttles."""

    user_access_lifetime_s: int = Field(default=600, ge=10, le=LONGEST_ACCESS_S)
    """How long an access token is valid."""
    user_refresh_lifetime_s: int = Field(default=30 * 86400, ge=60, le=_YEARS * 365 * 86400)
    """How long a session lives after the login, however often it is refreshed."""
    user_refresh_grace_s: float = Field(default=10.0, ge=0, le=60)
    """For how long a refresh token that was just used gives the same successor again."""

    user_reset_lifetime_s: int = Field(default=3600, ge=60, le=86400)
    """How long a one-time token for a forgotten password is valid."""

    user_argon2_time_cost: int = Field(default=2, ge=1, le=1_000)
    user_argon2_memory_kib: int = Field(default=19 * 1024, ge=8, le=4 * 1024 * 1024)
    """With the defaults of time and lanes: what OWASP's password storage cheat sheet asks for."""
    user_argon2_lanes: int = Field(default=1, ge=1, le=64)
    user_argon2_threads: int = Field(default=2, ge=1, le=256)
    """How many passwords are hashed at once; each takes the memory above."""
    user_argon2_queue: int = Field(default=256, ge=1)
    """How many may wait for a thread; the next one is answered 503."""
    user_argon2_wait_s: float = Field(default=3.0, gt=0)
    """How long a password may have to wait for a thread; one that would wait longer is answered 503 at once."""

    user_login_limit_account: str = Field(default="20/minute", pattern=RATE_PATTERN)
    """Attempts on one account from one network address; a right password resets the count."""
    user_login_slow_account: str = Field(default="60/minute", pattern=RATE_PATTERN)
    """Attempts on one account from anywhere, beyond which each waits for up to two seconds."""
    user_login_limit_address: str = Field(default="600/minute", pattern=RATE_PATTERN)
    """Attempts from one network address, right ones too."""
    user_register_limit_address: str = Field(default="600/minute", pattern=RATE_PATTERN)
    """Registrations from one network address."""
    user_trusted_proxies: TrustedProxies = ()
    """Networks (CIDR) of proxies whose word about a client's address is believed, e.g. `["10.0.0.0/8"]`."""
    user_forwarded_by: ForwardedBy = "x-forwarded-for"
    """The header they write that word in; the other one is never read: it would be the client's own."""

    user_keep_notifications_days: int = Field(default=90, ge=1, le=_YEARS * 365)
    user_sweep_every_s: float = Field(default=60.0, gt=0)
    user_leaving_every_s: float = Field(default=10.0, gt=0)
    """How often the rest of deleted accounts is looked for."""

    @model_validator(mode="after")
    def _has_memory_for_its_lanes(self) -> Self:
        needed = 8 * self.user_argon2_lanes  # RFC 9106 section 3.1
        if self.user_argon2_memory_kib < needed:
            raise ValueError(f"STORE_USER_ARGON2_MEMORY_KIB must be at least {needed}, 8 for each lane")
        return self

    @property
    def user_keep_notifications_ms(self) -> int:
        """How long notifications are kept, in milliseconds."""
        return self.user_keep_notifications_days * _DAY_MS
