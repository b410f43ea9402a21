"""What shoppers looked at."""

from dataclasses import dataclass

RECENT_LIMIT = 50
"""How many viewed products are stored for each shopper."""


@dataclass(frozen=True, slots=True)
class View:
    """A product that a shopper looked at."""

    product_id: str
    viewed_at_ms: int
