"""Products, and what the change feed says of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from store_catalog.problems import ProductChanged

MAX_PRICE_MINOR: Final = 10_000_000_000
"""Small enough that a full order (2 000 lines of 100 000 units) still fits 64 bits."""
MAX_SKU, MAX_NAME, MAX_CATEGORY, MAX_DESCRIPTION = 64, 200, 100, 5_000
MAX_BATCH: Final = 1_000

ProductId = str


@dataclass(frozen=True, slots=True)
class Details:
    """What an administrator decides about a product; `price_minor` is in minor units of the currency."""

    sku: str | None
    name: str
    description: str
    category: str
    price_minor: int


@dataclass(frozen=True, slots=True)
class Product:
    """A product as the truth has it at one moment, with what of its stock a buyer may know.

    `version` counts edits of the product, `stock_version` changes of its stock; both only grow. A deletion is
    a version too: a deleted product stays as a tombstone, so that an older version is never taken for a newer one.
    """

    id: ProductId
    sku: str | None
    name: str
    description: str
    category: str
    price_minor: int
    version: int
    created_at_ms: int
    updated_at_ms: int
    available: int
    stock_version: int
    deleted: bool = False

    @property
    def in_stock(self) -> bool:
        """Whether a buyer can get one."""
        return self.available > 0 and not self.deleted

    @property
    def revision(self) -> int:
        """Grows with every change of product or stock: of two copies the greater one is newer."""
        return self.version + self.stock_version

    @property
    def details(self) -> Details:
        """What an administrator decided about it."""
        return Details(self.sku, self.name, self.description, self.category, self.price_minor)

    def refuse_other_versions(self, versions: frozenset[int] | None) -> None:
        """Pass only an edit of one of these versions; None: of whichever it is at.

        Raises:
            ProductChanged: it is at another version.
        """
        if versions is not None and self.version not in versions:
            raise ProductChanged(f"Version {self.version} is the present one; read it and edit again.")

    def edited(self, details: Details, now_ms: int) -> "Product":
        """Return the next version, with these details."""
        return replace(
            self,
            sku=details.sku,
            name=details.name,
            description=details.description,
            category=details.category,
            price_minor=details.price_minor,
            version=self.version + 1,
            updated_at_ms=now_ms,
        )

    def patched(self, changes: Mapping[str, Any], now_ms: int) -> "Product":
        """Return the next version, with only the named details changed; itself when none is named."""
        if not changes:
            return self
        return replace(self, **changes, version=self.version + 1, updated_at_ms=now_ms)

    def tombstone(self, now_ms: int) -> "Product":
        """Return the version that says it is deleted."""
        return replace(self, deleted=True, version=self.version + 1, updated_at_ms=now_ms)


@dataclass(frozen=True, slots=True)
class NewProduct:
    """A product to be added, with the units that came with it."""

    details: Details
    stock: int = 0

    def first_version(self, product_id: ProductId, now_ms: int) -> Product:
        """Return the product as it is added."""
        d = self.details
        about = (d.sku, d.name, d.description, d.category, d.price_minor)
        return Product(product_id, *about, 1, now_ms, now_ms, self.stock, 1)


@dataclass(frozen=True, slots=True)
class Added:
    """What became of one product of a batch: made now, or there already (found by its SKU)."""

    product: Product
    created: bool


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """A hint that a product has changed, or is about to, written before the change itself.

    It is pending until the truth shows both versions or newer ones (`shown_by`).
    """

    position: int
    product_id: ProductId
    version: int
    stock_version: int
    at_ms: int

    def shown_by(self, truth: Product) -> bool:
        """Whether the truth shows what this entry announced."""
        return truth.version >= self.version and truth.stock_version >= self.stock_version


class ImportState(StrEnum):
    """How far an import is that is made once in a shop's life."""

    BEGUN = "BEGUN"
    DONE = "DONE"
