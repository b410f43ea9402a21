"""Remember that a shopper looked at a product."""

from dataclasses import dataclass

from store_kit.clock import Clock

from store_cart.domain import Owner, View
from store_cart.ports import ViewStore
from store_cart.use_cases.find_products import FindProducts


@dataclass(frozen=True, slots=True)
class RecordView:
    """Put a product in front of the shopper's recently viewed ones."""

    views: ViewStore
    find_products: FindProducts
    clock: Clock

    async def __call__(self, owner: Owner, product_id: str) -> View:
        """Return the view as it was recorded.

        Raises:
            UnknownProduct: the catalogue has no such product.
            Unavailable: the product is not known here and the catalogue does not answer.
        """
        await self.find_products((product_id,))
        view = View(product_id, self.clock.now_ms())
        await self.views.record_view(owner, view)
        return view
