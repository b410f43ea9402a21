"""Carts, their owners, and the rules by which they change. Plain Python."""

from store_cart.domain.carts import (
    Cart,
    CartSize,
    CartState,
    CartSummary,
    Claim,
    Limits,
    Line,
    LineChange,
    Ordered,
    Owner,
    OwnerKind,
)
from store_cart.domain.changes import (
    Change,
    Versions,
    add_units,
    check_version,
    remove_line,
    replace_lines,
    set_units,
    show_prices,
)
from store_cart.domain.merging import MergeReport, begin_merge, bring_lines, close_cart, merge_id
from store_cart.domain.ordering import give_back_lines, subtract_order, take_lines
from store_cart.domain.pricing import PricedCart
from store_cart.domain.products import Product, ProductNews
from store_cart.domain.views import RECENT_LIMIT, View

__all__ = [
    "RECENT_LIMIT",
    "Cart",
    "CartSize",
    "CartState",
    "CartSummary",
    "Change",
    "Claim",
    "Limits",
    "Line",
    "LineChange",
    "MergeReport",
    "Ordered",
    "Owner",
    "OwnerKind",
    "PricedCart",
    "Product",
    "ProductNews",
    "Versions",
    "View",
    "add_units",
    "begin_merge",
    "bring_lines",
    "check_version",
    "close_cart",
    "give_back_lines",
    "merge_id",
    "remove_line",
    "replace_lines",
    "set_units",
    "show_prices",
    "subtract_order",
    "take_lines",
]
