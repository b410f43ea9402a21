"""Whom a request speaks for, in plain Python: use cases may know it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

ADMIN: Final = "admin"
CUSTOMER: Final = "customer"
SERVICE: Final = "service"


class Scope(StrEnum):
    """What a service may ask of another one; each internal route names the one it needs."""

    STOCK = "stock"
    """Reserve, release and ship (catalogue)."""
    PRODUCTS = "products"
    """Look products up (catalogue)."""
    CARTS_READ = "carts.read"
    CARTS_ORDER = "carts.order"
    """Take what was ordered out of a cart, or put it back."""
    CARTS_FORGET = "carts.forget"
    """Delete the cart of an account that is gone."""
    ORDERS_READ = "orders.read"
    NOTIFY = "notify"
    """Bring news for customers (user)."""
    REVOCATIONS = "revocations"
    """Follow which access tokens have ended (user)."""


SCOPES: Final[dict[str, frozenset[Scope]]] = {
    "catalog": frozenset({Scope.REVOCATIONS}),
    "cart": frozenset({Scope.PRODUCTS, Scope.REVOCATIONS}),
    "order": frozenset(
        {
            Scope.STOCK,
            Scope.PRODUCTS,
            Scope.CARTS_READ,
            Scope.CARTS_ORDER,
            Scope.NOTIFY,
            Scope.REVOCATIONS,
        }
    ),
    "user": frozenset({Scope.CARTS_READ, Scope.CARTS_FORGET, Scope.ORDERS_READ}),
}
"""What each service may ask: the least it needs. Whoever needs more adds it here and in docs/authentication.md."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever a verified token speaks for: a user's id, or `service:<name>`."""

    subject: str
    roles: frozenset[str]
    epoch: int = 1
    """Of the account, when the token was issued: what ends access tokens raises it."""
    scopes: frozenset[str] = frozenset()
    """What a service may ask of the others; people have none."""

    @property
    def is_admin(self) -> bool:
        """Whether this is an administrator."""
        return ADMIN in self.roles

    @property
    def is_service(self) -> bool:
        """Whether this is one of the shop's own services."""
        return SERVICE in self.roles

    @property
    def client(self) -> str | None:
        """The service's name, or None for a person."""
        return self.subject.removeprefix("service:") if self.is_service else None
