"""What can go wrong with carts."""

from store_kit.problems import BadRequest, Conflict, InvalidInput, NotFound


class UnknownProduct(NotFound):
    """The catalogue has no such product, or not any more."""

    slug, title = "unknown-product", "There is no such product"


class QuantityLimit(Conflict):
    """A line would have more units than the shop allows."""

    slug, title = "quantity-limit", "Too many units of one product"


class CartFull(Conflict):
    """The cart would have more lines than the shop allows."""

    slug, title = "cart-full", "Too many different products in the cart"


class CartMerged(Conflict):
    """The guest's cart has become part of an account's cart."""

    slug, title = "cart-merged", "This guest cart was merged into an account's cart"


class CartChanged(Conflict):
    """The cart is not as an order read it: it was changed, or another order took it."""

    slug, title = "cart-changed", "The cart was changed or ordered meanwhile"


class InvalidCartToken(BadRequest):
    """A guest's cart token was altered, or is not one."""

    slug, title = "invalid-cart-token", "The cart token is not valid"


class KeyReused(InvalidInput):
    """An Idempotency-Key came again with another request."""

    slug, title = "idempotency-key-reused", "This Idempotency-Key was used for another request"
