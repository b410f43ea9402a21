"""What can go wrong with an order, as problems that people and programs can act on."""

from typing import ClassVar, Self

from store_kit.problems import BadRequest, Conflict, InvalidInput, NotFound, Problem


class OrderNotFound(NotFound):
    """No such order, or it is someone else's."""

    slug, title = "order-not-found", "There is no such order"

    @classmethod
    def of(cls, order_id: str) -> Self:
        """Return the problem for an id."""
        return cls(f"You have no order {order_id}.")


class IllegalTransition(Conflict):
    """The order's status does not allow this any more, or not yet."""

    slug, title = "illegal-transition", "The order's status does not allow this"


class StaleOrder(Conflict):
    """The order was changed between reading and writing; read it again."""

    slug, title = "order-changed", "The order was changed by somebody else at the same moment"

    @classmethod
    def of(cls, order_id: str) -> Self:
        """Return the problem for an id."""
        return cls(f"The order {order_id} was changed by somebody else; read it again.")


class Rejected(Problem):
    """An order that was not accepted; the same key gives the same answer."""

    status: ClassVar[int] = 409


class InsufficientStock(Rejected):
    """Some lines ask for more than there is; nothing was reserved, nothing charged."""

    slug, title = "insufficient-stock", "Not enough stock"


class PaymentDeclined(Rejected):
    """The payment provider said no; nothing was charged, the goods are free, the cart is as it was."""

    status: ClassVar[int] = 402
    slug, title = "payment-declined", "The payment was declined"


class OrderNotPlaced(Rejected):
    """The order could not be completed in time and was taken back; nothing is charged."""

    slug, title = "order-not-placed", "The order could not be completed and was taken back"


class OrderTooLarge(Rejected):
    """The total is larger than the shop can charge."""

    slug, title = "order-too-large", "The total is larger than the shop can charge"


class PriceChanged(Rejected):
    """The total is not the one that was agreed to; nothing was charged, the goods are free, the cart is as it was."""

    slug, title = "price-changed", "The total is not the one that was agreed to"


class CartChanged(Rejected):
    """The cart was changed, or ordered by another request, before this order could take it; nothing was charged."""

    slug, title = "cart-changed", "The cart was changed or ordered meanwhile"


class EmptyCart(Conflict):
    """There is nothing to order."""

    slug, title = "empty-cart", "The cart is empty"


class TooManyLines(Conflict):
    """The cart has more different products than an order may: an order was turned back into a full one."""

    slug, title = "too-many-lines", "The cart has too many different products for one order"


class QuantityLimit(Conflict):
    """A line of the cart has more units than an order may: an order was turned back into a full one."""

    slug, title = "quantity-limit", "Too many units of one product"


class IdempotencyKeyMissing(BadRequest):
    """Placing an order needs a key that makes it safe to repeat."""

    slug, title = "idempotency-key-missing", "Send an Idempotency-Key"


class IdempotencyKeyReused(InvalidInput):
    """The key belongs to an order that was placed with another body."""

    slug, title = "idempotency-key-reused", "This Idempotency-Key was used for another request"


class PeerConfused(Problem):
    """Another service answered what the protocol between the two does not know: a fault of ours."""

    slug, title = "peer-confused", "Two services of the shop disagree"
