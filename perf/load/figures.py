"""How people really bought, as `python -m perf.load.ledger_figures` counted it in data/. Not edited by hand."""

from typing import Final

LINES_OF_AN_ORDER: Final = (
    1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 7, 7, 7, 8, 8, 9,
    9, 9, 9, 10, 10, 11, 11, 11, 11, 12, 12, 12, 13, 13, 14, 14, 14, 15, 15, 16, 16, 16, 16, 17, 17, 18,
    18, 19, 19, 19, 20, 20, 21, 22, 22, 23, 24, 24, 26, 26, 27, 28, 29, 29, 30, 31, 33, 34, 35, 37, 38,
    40, 41, 43, 45, 48, 50, 53, 55, 60, 65, 71, 79, 101, 130, 199, 460,
)  # fmt: skip
"""Different products in an order: the middle of each hundredth of 3745 orders, the smallest first."""

UNITS_OF_A_LINE: Final = (
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 5, 5, 6, 6, 6,
    6, 6, 6, 6, 6, 7, 8, 8, 9, 10, 10, 10, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 16, 18, 24, 24, 24,
    24, 25, 30, 36, 48, 72, 144,
)  # fmt: skip
"""Units of one product in an order: the middle of each hundredth of 100994 lines."""

WANTED: Final = ((1, 0.081), (4, 0.186), (5, 0.147), (10, 0.197), (30, 0.291), (50, 0.098))
"""(per cent of the products, the most wanted first; their share of all lines)."""

NEW_CUSTOMERS: Final = 0.497
"""Share of the orders that were their customer's first (1682 of 3384 with a customer's name)."""

TAKEN_BACK: Final = 0.215
"""Credit notes for each order (805 for 3745)."""

THE_MOST_WANTED: Final = 0.142
"""Share of the orders that hold the one most wanted product."""
