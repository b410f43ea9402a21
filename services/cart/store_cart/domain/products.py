"""Products as the catalogue says them. Prices are integer minor units of the shop's one currency."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Product:
    """What the catalogue says about a product right now."""

    id: str
    name: str
    price_minor: int
    sku: str | None = None
    currency: str = ""
    in_stock: bool = False


@dataclass(frozen=True, slots=True)
class ProductNews:
    """Products that changed, as one process of the catalogue has seen it; not `complete`: any may have."""

    source: str
    position: int
    complete: bool
    product_ids: Sequence[str]
