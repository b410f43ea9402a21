"""What can go wrong in the catalogue, as problems that say what to do."""

from store_kit.problems import Conflict, InvalidInput, NotFound, PreconditionFailed, Unavailable


class ProductNotFound(NotFound):
    """There is no such product, or it was deleted."""

    slug, title = "product-not-found", "There is no such product"

    @classmethod
    def of(cls, product_id: str) -> "ProductNotFound":
        """Return the error about this product."""
        return cls(f"There is no product {product_id!r}; it may have been deleted.")


class ProductChanged(PreconditionFailed):
    """The product was edited or deleted since it was read."""

    slug, title = "product-changed", "The product was changed since you read it"

    @classmethod
    def since(cls, version: int | None, present: int) -> "ProductChanged":
        """Return the refusal of an edit of a version that is no longer the present one."""
        return cls(f"Version {version} was edited, {present} is now; read it and edit again.")


class SkuTaken(Conflict):
    """Another product has this SKU."""

    slug, title = "sku-taken", "Another product has this SKU"

    @classmethod
    def by(cls, sku: str, product_id: str) -> "SkuTaken":
        """Return the error that names the product which has the SKU."""
        return cls(f"SKU {sku!r} belongs to product {product_id}; edit that one.", product_id=product_id)


class StockBelowZero(Conflict):
    """An adjustment would take more than is available."""

    slug, title = "stock-below-zero", "Stock cannot fall below zero"


class StockAboveLimit(Conflict):
    """An adjustment would count more units as received than the shop counts."""

    slug, title = "stock-above-limit", "More was received than the shop counts"


class InsufficientStock(Conflict):
    """An order asks for more than is available; nothing was held. `lines` says what is."""

    slug, title = "insufficient-stock", "There is not enough stock"


class ReservationReleased(Conflict):
    """The order was cancelled: nothing can be held or shipped for it any more."""

    slug, title = "reservation-released", "The reservation was released"


class ReservationShipped(Conflict):
    """The order was shipped: its stock is sold and cannot come back."""

    slug, title = "reservation-shipped", "The reservation was shipped"


class ReservationExpired(Conflict):
    """The time until which the caller wanted the hold has passed."""

    slug, title = "reservation-expired", "It is too late to hold stock for this order"


class OperationReused(InvalidInput):
    """An Idempotency-Key was sent again with another body."""

    slug, title = "idempotency-key-reused", "This Idempotency-Key belongs to another request"


class CatalogueLoading(Unavailable):
    """The list of products is being built from the database; products themselves can be read."""

    slug, title = "catalogue-loading", "The list of products is being prepared"
