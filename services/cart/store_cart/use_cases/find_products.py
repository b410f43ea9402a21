"""Find the products that a change names: they must all exist."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from store_cart.domain import Product
from store_cart.ports import KnownProducts
from store_cart.problems import UnknownProduct

_NAMED: Final = 5
"""How many unknown products a refusal names in words."""


@dataclass(frozen=True, slots=True)
class FindProducts:
    """Look products up before something is written about them."""

    known: KnownProducts

    async def __call__(self, ids: Collection[str]) -> Mapping[str, Product]:
        """Return all of these products.

        Raises:
            UnknownProduct: the catalogue does not have some of them; the member `product_ids` names them.
            Unavailable: some are not known here and the catalogue does not answer.
        """
        found = await self.known.find_known_products(ids)
        missing = [product_id for product_id in ids if product_id not in found]
        if missing:
            named = ", ".join(missing[:_NAMED]) + (" ..." if len(missing) > _NAMED else "")
            raise UnknownProduct(f"The catalogue has no product {named}; take it out.", product_ids=missing)
        return found
