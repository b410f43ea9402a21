"""The list of products: filters, search, facets, pages.

Its query parameters are declared once, for the documentation and for reading them. FastAPI would solve a dependency
for each of them on each request: of a request's 106 us that took 60, more than reading the page (measured: nine
parameters, three given). So the route reads the query string by this table, in 5 us.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote_plus

from fastapi import APIRouter, Request
from starlette.responses import Response
from store_kit.http import LONGEST_CURSOR, PUBLIC, BareRoute, JsonResponse, not_modified, page_link
from store_kit.problems import FieldError, InvalidCursor, InvalidInput, problem_responses

from store_catalog.api.parameters import api
from store_catalog.api.views import ProductPageView, body_etag
from store_catalog.domain import MAX_CATEGORY, MAX_PRICE_MINOR, ListQuery, Sort
from store_catalog.problems import CatalogueLoading

bare = APIRouter(tags=["products"], route_class=BareRoute)


MAX_SEARCH: Final = 200
MAX_LIMIT: Final = 100
DEFAULT_LIMIT: Final = 20
_MAX_DIGITS: Final = 15


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter: its JSON schema, what it means, and how its text is read (ValueError: it cannot)."""

    schema: Mapping[str, Any]
    description: str
    read: Callable[[str], Any]
    examples: Mapping[str, Any]

    def document(self, name: str) -> dict[str, Any]:
        """Return the parameter as OpenAPI says it."""
        examples = {label: {"value": value} for label, value in self.examples.items()}
        return {
            "name": name,
            "in": "query",
            "required": False,
            "schema": dict(self.schema),
            "description": self.description,
            "examples": examples,
        }


@dataclass(frozen=True, slots=True)
class ListRequest:
    """What was asked for."""

    query: ListQuery
    limit: int
    cursor: str | None
    facets: bool


def _integer(lowest: int, highest: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
            raise ValueError("must be a whole number")
        number = int(text)
        if not lowest <= number <= highest:
            raise ValueError(f"must be from {lowest} to {highest}")
        return number

    return read


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("must be true or false")
    return text == "true"


def _text(longest: int) -> Callable[[str], str]:
    def read(text: str) -> str:
        if len(text) > longest:
            raise ValueError(f"must have at most {longest} characters")
        return text

    return read


def _sort(text: str) -> Sort:
    try:
        return _SORTS[text]
    except KeyError:
        raise ValueError(f"must be one of {', '.join(Sort)}") from None


_SORTS: Final = {str(sort): sort for sort in Sort}
_PRICE: Final = {"type": "integer", "minimum": 0, "maximum": MAX_PRICE_MINOR}
_BOOLEAN: Final = {"type": "boolean"}
PARAMETERS: Final = {
    "category": Parameter(
        {"type": "string", "maxLength": MAX_CATEGORY},
        "Only products of this category, written as in `/api/categories`.",
        _text(MAX_CATEGORY),
        {"kitchen": "Kitchen"},
    ),
    "search": Parameter(
        {"type": "string", "maxLength": MAX_SEARCH},
        "Words that name, SKU, category or description must contain, in any order; the last one may be the "
        "beginning of a word. Case and diacritics do not matter.",
        _text(MAX_SEARCH),
        {"english": "heart holder", "russian": "елочный шар"},
    ),
    "min_price": Parameter(
        _PRICE, "Lowest price, in minor units.", _integer(0, MAX_PRICE_MINOR), {"5.00": 500}
    ),
    "max_price": Parameter(
        _PRICE, "Highest price, in minor units.", _integer(0, MAX_PRICE_MINOR), {"25.00": 2500}
    ),
    "in_stock": Parameter(
        _BOOLEAN, "Only what can be bought now, or only what cannot.", _boolean, {"yes": True}
    ),
    "sort": Parameter(
        {"type": "string", "enum": [str(sort) for sort in Sort]},
        "The order; `-` is descending. Without it: by relevance when searching, else the newest first. Relevance: "
        "all words in the name or SKU, then their beginnings there, then elsewhere; the newest first in each.",
        _sort,
        {"cheapest": "price"},
    ),
    "limit": Parameter(
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        "Products per page.",
        _integer(1, MAX_LIMIT),
        {"default": DEFAULT_LIMIT},
    ),
    "cursor": Parameter(
        {"type": "string", "minLength": 1, "maxLength": LONGEST_CURSOR},
        "`next_cursor` of the page before, with the same filters and order.",
        str,
        {},
    ),
    "facets": Parameter(
        {**_BOOLEAN, "default": False},
        "Also count all matches by category, price and availability.",
        _boolean,
        {"yes": True},
    ),
}
DOCUMENTED: Final = {"parameters": [parameter.document(name) for name, parameter in PARAMETERS.items()]}
"""For `openapi_extra`."""


@bare.get(
    "/api/products",
    operation_id="list_products",
    summary="List and search products",
    response_model=ProductPageView,
    responses={
        304: {"description": "Not changed since the version that If-None-Match names."},
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
    shop = api(request)
    cursors, list_name = shop.cursors, asked.query.canonical
    position = None if asked.cursor is None else cursors.decode(list_name, asked.cursor)
    page, facets = await shop.use_cases.list_products(
        asked.query, position, asked.limit, with_facets=asked.facets
    )
    following = None if page.next_position is None else cursors.encode(list_name, page.next_position)
    body = ProductPageView.json(page, following, facets)
    etag = body_etag(body)
    headers = {"ETag": etag, **PUBLIC, **page_link(request, following)}
    return not_modified(request, etag, PUBLIC) or JsonResponse(body, headers=headers)


def read_list_request(query_string: bytes) -> ListRequest:
    """Return what a query string asks for (whose parameters are known ones, `store_kit.http.queries`).

    Raises:
        InvalidInput: a parameter cannot be read; all of those are named.
    """
    given = _given(query_string)
    query = ListQuery(
        category=given.get("category") or None,
        search=given.get("search", "").strip(),
        min_price=given.get("min_price"),
        max_price=given.get("max_price"),
        in_stock=given.get("in_stock"),
        sort=given.get("sort"),
    )
    limit = given.get("limit", DEFAULT_LIMIT)
    return ListRequest(query, limit, given.get("cursor"), given.get("facets", False))


def _given(query_string: bytes) -> dict[str, Any]:
    values: dict[str, Any] = {}
    faults: list[FieldError] = []
    if not query_string:
        return values
    for pair in query_string.decode("latin-1").split("&"):
        if not pair:
            continue
        name, _, text = pair.partition("=")
        if "%" in pair or "+" in pair:
            name, text = unquote_plus(name), unquote_plus(text)
        try:
            values[name] = PARAMETERS[name].read(text)
        except ValueError as error:
            faults.append(FieldError(f"query.{name}", str(error)))
    if faults:
        raise InvalidInput(f"Not valid: {_names(faults)}.", errors=faults)
    return values


def _names(faults: Iterable[FieldError]) -> str:
    return ", ".join(dict.fromkeys(fault.field for fault in faults))
