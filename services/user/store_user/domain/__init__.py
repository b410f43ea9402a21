"""Accounts, sessions and news of orders: plain rules. No framework, no driver, no clock."""

from store_user.domain.accounts import (
    EMAIL_MAX,
    EMAIL_PATTERN,
    NAME_MAX,
    TEXT_PATTERN,
    Account,
    Role,
    Standing,
    fold_email,
    holder_of_token,
    made_at_ms,
    normalise_email,
)
from store_user.domain.notifications import Notification
from store_user.domain.passwords import (
    PASSWORD_MAX,
    PASSWORD_MIN,
    hash_reset_secret,
    must_be_hard_to_guess,
    normalise_password,
)
from store_user.domain.sessions import RefreshToken, Session, Tokens, Verdict

__all__ = [
    "EMAIL_MAX",
    "EMAIL_PATTERN",
    "NAME_MAX",
    "PASSWORD_MAX",
    "PASSWORD_MIN",
    "TEXT_PATTERN",
    "Account",
    "Notification",
    "RefreshToken",
    "Role",
    "Session",
    "Standing",
    "Tokens",
    "Verdict",
    "fold_email",
    "hash_reset_secret",
    "holder_of_token",
    "made_at_ms",
    "must_be_hard_to_guess",
    "normalise_email",
    "normalise_password",
]
