"""How large an order may be: one bound for carts, lookups, reservations and orders, so that none refuses another's."""

from typing import Final

MOST_ORDER_LINES: Final = 2_000
"""Different products in an order. A real wholesaler's year has one of 1 110; 2 000 are 300 kB and fit every budget."""
MOST_LINE_UNITS: Final = 100_000
"""Units of one product in an order: small enough that a full order at the highest price still fits 64 bits."""
