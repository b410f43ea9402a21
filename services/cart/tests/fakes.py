"""What the cart service's tests put in place of the catalogue, and small makers of things."""

from collections.abc import Collection, Mapping

from store_cart.domain.carts import Line, Owner
from store_cart.domain.products import Product, ProductNews
from store_kit.problems import PeerUnavailable

USER = Owner("user", "01936c7e-0000-7000-8000-000000000001")
OTHER = Owner("user", "01936c7e-0000-7000-8000-000000000002")
GUEST = Owner("guest", "01936c7e-0000-7000-8000-0000000000f1")

MUG, LAMP, CLOCK, CARD = (f"01936c7e-5b7a-7c3e-9f20-00000000000{n}" for n in range(1, 5))
MISSING = "01936c7e-5b7a-7c3e-9f20-0000000000ff"


def product(product_id: str, price_minor: int = 250, *, in_stock: bool = True) -> Product:
    return Product(
        product_id, f"Product {product_id[-2:]}", price_minor, f"SKU{product_id[-2:]}", "GBP", in_stock
    )


def line(
    product_id: str, quantity: int = 1, *, price_minor: int = 250, added_at_ms: int = 1, since: int = 0
) -> Line:
    return Line.of(product(product_id, price_minor), quantity, added_at_ms)._replace(since=since)


class FakeCatalogue:
    """The Catalogue port in memory: counts lookups, and can be away."""

    def __init__(self, *products: Product) -> None:
        self.products = {p.id: p for p in products}
        self.calls: list[set[str]] = []
        self.away = False
        self.changed: list[str] = []
        self.source = "one"

    async def find_products(self, ids: Collection[str]) -> dict[str, Product]:
        self.calls.append(set(ids))
        if self.away:
            raise PeerUnavailable("The catalogue is away.")
        return {i: self.products[i] for i in ids if i in self.products}

    def change(self, new: Product) -> None:
        self.products[new.id] = new
        self.changed.append(new.id)

    async def read_news(self, seen: Mapping[str, int]) -> ProductNews:
        if self.away:
            raise PeerUnavailable("The catalogue is away.")
        position = seen.get(self.source)
        behind = [] if position is None else self.changed[position:]
        return ProductNews(self.source, len(self.changed), position is not None, behind)
