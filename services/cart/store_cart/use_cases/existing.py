"""What several use cases ask before they write: do these products exist?"""

from collections.abc import Collection, Mapping

from store_cart.domain import Product, UnknownProduct
from store_cart.ports import KnownProducts

_NAMED = 5


async def existing(products: KnownProducts, product_id: str) -> Product:
    """Return a product.

    Raises:
        UnknownProduct: the catalogue does not have it.
    """
    return (await all_existing(products, (product_id,)))[product_id]


async def all_existing(products: KnownProducts, ids: Collection[str]) -> Mapping[str, Product]:
    """Return all of these products.

    Raises:
        UnknownProduct: the catalogue does not have some of them; the member `product_ids` names them.
    """
    found = await products.find(ids)
    missing = [product_id for product_id in ids if product_id not in found]
    if missing:
        named = ", ".join(missing[:_NAMED]) + (" ..." if len(missing) > _NAMED else "")
        raise UnknownProduct(f"The catalogue has no product {named}; take it out.", product_ids=missing)
    return found
