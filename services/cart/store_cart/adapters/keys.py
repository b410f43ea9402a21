"""How an owner is written in the database."""

from typing import cast

from store_cart.domain import Owner, OwnerKind


def owner_key(owner: Owner) -> str:
    """Return the text that names an owner: users and guests never share one."""
    return f"{owner.kind}:{owner.id}"


def owner_of(key: str) -> Owner:
    """Return the owner that a text names."""
    kind, _, owner_id = key.partition(":")
    return Owner(cast("OwnerKind", kind), owner_id)
