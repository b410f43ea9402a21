"""How accounts are laid out in columns; the same for every database."""

from collections.abc import Sequence
from typing import Any

from store_user.domain import Account, Role, Standing


def draft_values(account: Account) -> tuple[Any, ...]:
    """Return what a draft is written with: id, email, name, password_hash, roles and what follows up to version."""
    return (
        account.id,
        account.email,
        account.name,
        account.password_hash,
        _roles_text(account),
        account.created_at_ms,
        account.updated_at_ms,
        account.credentials,
        account.version,
    )


def changed_values(account: Account) -> tuple[Any, ...]:
    """Return what the next version of an account is written with, from the name to the version."""
    return (
        account.name,
        account.password_hash,
        _roles_text(account),
        account.updated_at_ms,
        account.credentials,
        account.epoch,
        account.standing,
        account.reset_hash,
        account.reset_expires_at_ms,
        account.version,
    )


def account_of(row: Sequence[Any]) -> Account:
    """Return the account of a row: a draft's values, then epoch, standing and those of a reset, which may be null."""
    id_, email, name, password_hash, roles, created, updated, credentials, version, *authority = row
    epoch, standing, reset_hash, reset_expires_at_ms = authority
    return Account(
        id_,
        email,
        name,
        password_hash,
        frozenset(Role(role) for role in roles.split()),
        created,
        updated,
        credentials,
        version,
        epoch or 1,
        Standing(standing or Standing.ACTIVE),
        reset_hash,
        reset_expires_at_ms or 0,
    )


def _roles_text(account: Account) -> str:
    return " ".join(sorted(account.roles))
