"""The catalogue service over HTTP."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus

import msgspec
from store_kit.client.client import ServiceClient
from store_kit.problems import PeerUnavailable
from store_kit.shop import MOST_ORDER_LINES

from store_cart.domain import Product, ProductNews

_LOOKUP = "/internal/products/lookup"
_CHANGES = "/internal/products/changes"


@dataclass(frozen=True, slots=True)
class _Found:
    products: list[Product]


_decode = msgspec.json.Decoder(_Found).decode
_decode_news = msgspec.json.Decoder(ProductNews).decode


class CatalogClient:
    """The Catalogue port: one call for as many products as an order may have."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def find_products(self, ids: Collection[str]) -> dict[str, Product]:
        """Return those products that exist.

        Raises:
            Unavailable: the catalogue did not answer, or not what it should.
        """
        wanted, found = list(ids), dict[str, Product]()
        # Lines that an order gave back may make a cart longer than an order may be.
        for at in range(0, len(wanted), MOST_ORDER_LINES):
            found |= await self._look_up(wanted[at : at + MOST_ORDER_LINES])
        return found

    async def _look_up(self, ids: list[str]) -> dict[str, Product]:
        reply = await self._client.call("POST", _LOOKUP, body={"ids": ids}, idempotent=True)
        if reply.status != HTTPStatus.OK:
            raise PeerUnavailable(f"The catalogue answered a product lookup with {reply.status}.")
        try:
            return {product.id: product for product in _decode(reply.body).products}
        except msgspec.DecodeError as error:
            raise PeerUnavailable("The catalogue answered a product lookup with something else.") from error

    async def read_news(self, seen: Mapping[str, int]) -> ProductNews:
        """Return what changed behind the positions seen.

        Raises:
            Unavailable: the catalogue did not answer, or not what it should.
        """
        after = ",".join(f"{source}.{position}" for source, position in seen.items())
        reply = await self._client.call("GET", _CHANGES, params={"after": after})
        if reply.status != HTTPStatus.OK:
            raise PeerUnavailable(f"The catalogue answered what has changed with {reply.status}.")
        try:
            return _decode_news(reply.body)
        except msgspec.DecodeError as error:
            raise PeerUnavailable("The catalogue answered what has changed with something else.") from error
