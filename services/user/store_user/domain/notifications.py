"""News about orders."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notification:
    """News about an order for the person who placed it; `id` makes a repeated delivery count once."""

    id: str
    account_id: str
    order_id: str
    status: str
    at_ms: int
