"""The list of products: filters, search, facets, pages."""

import hashlib
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response
from store_kit.bare_routes import BareRoute
from store_kit.cursors import page_link
from store_kit.problems import InvalidCursor, InvalidInput, problem_responses
from store_kit.responses import PUBLIC, JsonResponse, json_bytes, not_modified

from store_catalog.api.list_parameters import DOCUMENTED, read_list_request
from store_catalog.api.parameters import use_cases
from store_catalog.api.views import Currency, Id, Name, PriceMinor, Sku, Time
from store_catalog.listing import CatalogueLoading, Facets
from store_catalog.use_cases.list_products import Listing

router = APIRouter(tags=["products"], route_class=BareRoute)
_ETAG_HEX: Final = 24


@dataclass(frozen=True, slots=True)
class ListedProductView:
    """A product in a list. How many there are is said by the product itself: that changes with every sale."""

    id: Id
    sku: Sku
    name: Name
    category: Annotated[str, Field(examples=["Kitchen"])]
    price_minor: PriceMinor
    currency: Currency
    in_stock: bool
    version: Annotated[int, Field(description="Grows with every edit.", examples=[1])]
    created_at: Time
    updated_at: Time


@dataclass(frozen=True, slots=True)
class ProductPageView:
    """A page of products."""

    items: list[ListedProductView]
    next_cursor: Annotated[str | None, Field(description="For `cursor`; null on the last page.")]
    count: Annotated[int, Field(description="How many products match in all.", examples=[3084])]
    count_capped: Annotated[
        bool, Field(description="There are at least that many: counting ended at 10 001.", examples=[False])
    ]
    facets: Annotated[Facets | None, Field(description="When asked for by `facets=true`.")] = None


@router.get(
    "/api/products",
    operation_id="list_products",
    summary="List and search products",
    response_model=ProductPageView,
    responses={
        304: {"description": "Nothing has changed since the ETag in If-None-Match."},
        **problem_responses(InvalidCursor, InvalidInput, CatalogueLoading),
    },
    openapi_extra=DOCUMENTED,
)
async def list_products(request: Request) -> Response:
    """Return a page of products; follow `next_cursor` (or the `Link` header) for more.

    Products that come, go or move between two pages change nothing for the others: none is shown twice and none
    is left out.
    """
    asked = read_list_request(request.scope["query_string"])
    listing = await use_cases(request).list_products(
        asked.query, asked.cursor, asked.limit, with_facets=asked.facets
    )
    body = _body(listing)
    etag = f'"{hashlib.sha256(body).hexdigest()[:_ETAG_HEX]}"'
    headers = {"ETag": etag, **PUBLIC, **page_link(request, listing.next_cursor)}
    return not_modified(request, etag, PUBLIC) or JsonResponse(body, headers=headers)


def _body(listing: Listing) -> bytes:
    """Return `ProductPageView` as JSON: the products are ready already."""
    rest: dict[str, object] = {
        "next_cursor": listing.next_cursor,
        "count": listing.count,
        "count_capped": listing.count_capped,
    }
    if listing.facets is not None:
        rest["facets"] = listing.facets
    return b'{"items":[' + b",".join(listing.items) + b"]," + json_bytes(rest)[1:]
