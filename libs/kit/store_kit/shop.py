"""What is this shop's own: services and their addresses, roles and scopes, currency, how large an order may be."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

URLS: Final[Mapping[str, str]] = {
    "catalog": "http://127.0.0.1:8000",
    "cart": "http://127.0.0.1:8001",
    "order": "http://127.0.0.1:8002",
    "user": "http://127.0.0.1:8003",
}
"""The services, and where each is called unless a setting says otherwise."""
SERVICES: Final = tuple(URLS)
ISSUER: Final = "product-store"
"""Who signs access tokens, and for whom they are."""
CURRENCY: Final = "GBP"

ADMIN: Final = "admin"
CUSTOMER: Final = "customer"
SERVICE: Final = "service"

MOST_ORDER_LINES: Final = 2_000
"""Different products in an order. A real wholesaler's year has one of 1 110; 2 000 are 300 kB and fit every budget.

One bound for carts, lookups, reservations and orders, so that none refuses another's.
"""
MOST_LINE_UNITS: Final = 100_000
"""Units of one product in an order: small enough that a full order at the highest price still fits 64 bits."""


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
