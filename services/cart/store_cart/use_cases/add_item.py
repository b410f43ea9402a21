"""Put units of a product into a cart."""

from collections.abc import Collection
from dataclasses import dataclass

from store_kit.clock import Clock
from store_kit.ids import new_id

from store_cart.domain import Line, LineChange, Operation, Owner
from store_cart.ports import AddedCounter, CartStore, KnownProducts
from store_cart.use_cases.existing import existing


@dataclass(frozen=True, slots=True)
class AddItem:
    """Add to what is in the cart: parallel adds all count, a repeated one counts once."""

    carts: CartStore
    products: KnownProducts
    added: AddedCounter
    clock: Clock
    remember_ms: int
    """How long an operation id is known."""

    async def __call__(
        self,
        owner: Owner,
        product_id: str,
        quantity: int,
        key: str | None = None,
        if_version: Collection[int] | None = None,
    ) -> LineChange:
        """Return the line as it is after the add; `key` is the caller's Idempotency-Key.

        Raises:
            UnknownProduct: the catalogue has no such product.
            Unavailable: the product is not known here and the catalogue does not answer.
            PreconditionFailed, KeyReused, QuantityLimit, CartFull, CartMerged: see CartStore.add.
        """
        product = await existing(self.products, product_id)
        now_ms = self.clock.now_ms()
        operation = Operation(
            key or new_id(), f"{product_id} {quantity}", now_ms + self.remember_ms, repeatable=key is not None
        )
        change = await self.carts.add(owner, Line.of(product, quantity, now_ms), operation, if_version)
        if change.applied:
            self.added.inc()
        return change
