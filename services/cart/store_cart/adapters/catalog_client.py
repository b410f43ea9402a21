"""The catalogue service over HTTP."""

from collections.abc import Collection
from dataclasses import dataclass
from http import HTTPStatus

import msgspec
from store_kit.client import ServiceClient
from store_kit.problems import PeerUnavailable

from store_cart.domain import Product

_LOOKUP = "/internal/products/lookup"


@dataclass(frozen=True, slots=True)
class _Found:
    products: list[Product]


_decode = msgspec.json.Decoder(_Found).decode


class CatalogClient:
    """The Catalogue port: one call for any number of products that a cart can hold."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def lookup(self, ids: Collection[str]) -> dict[str, Product]:
        """Return those products that exist.

        Raises:
            Unavailable: the catalogue did not answer, or not what it should.
        """
        reply = await self._client.call("POST", _LOOKUP, body={"ids": list(ids)}, idempotent=True)
        if reply.status != HTTPStatus.OK:
            raise PeerUnavailable(f"The catalogue answered a product lookup with {reply.status}.")
        try:
            return {product.id: product for product in _decode(reply.body).products}
        except msgspec.DecodeError as error:
            raise PeerUnavailable("The catalogue answered a product lookup with something else.") from error
