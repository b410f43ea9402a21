"""Sessions, and the rules of their refresh tokens."""

from dataclasses import dataclass
from enum import StrEnum

from store_user.domain.accounts import Account, made_at_ms


class Verdict(StrEnum):
    """What a refresh token of some generation deserves."""

    ROTATE = "rotate"
    REPEAT = "repeat"
    REVOKE = "revoke"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Session:
    """All refresh tokens that descend from one login; only the newest counts (RFC 9700, 4.14.2)."""

    id: str
    account_id: str
    credentials: int
    generation: int
    rotated_at_ms: int
    expires_at_ms: int
    revoked: bool = False

    @property
    def started_at_ms(self) -> int:
        """When its owner signed in."""
        return made_at_ms(self.id)

    def is_live(self, account: Account, *, now_ms: int) -> bool:
        """Say whether its owner is signed in by it."""
        return (
            not self.revoked
            and self.account_id == account.id
            and self.credentials == account.credentials
            and now_ms < self.expires_at_ms
        )

    def judge(self, generation: int, *, now_ms: int, grace_ms: int) -> Verdict:
        """Say what to do with a token of this session.

        The newest rotates. The one before it, within the grace, gets the same successor again: its owner
        asked twice at once, or never heard the answer. Anything older was stolen or copied: the session is
        revoked.
        """
        if self.revoked or now_ms >= self.expires_at_ms or generation > self.generation:
            return Verdict.REFUSE
        if generation == self.generation:
            return Verdict.ROTATE
        if generation == self.generation - 1 and now_ms - self.rotated_at_ms <= grace_ms:
            return Verdict.REPEAT
        return Verdict.REVOKE


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """What a refresh token says, once its signature has been checked."""

    session_id: str
    generation: int


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a token request is answered with; a service gets no refresh token, it can ask again."""

    access_token: str
    expires_in_s: int
    refresh_token: str | None = None
