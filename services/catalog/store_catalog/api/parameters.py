"""What the routes of the catalogue read from requests."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec
from fastapi import Depends, Path, Query
from pydantic import BeforeValidator, Field
from store_kit.http import (
    ID_PATTERN,
    LOWER_CASE,
    REQUIRED,
    Cursors,
    OpaqueId,
    StrictBody,
    StructBody,
    Whole,
    line,
    long_text,
    responses,
    state_of,
)
from store_kit.http import parameters as kit
from store_kit.problems import FieldError, InvalidInput, PreconditionRequired
from store_kit.texts import one_line, several_lines

from store_catalog.api.views import EXAMPLE_ID
from store_catalog.domain import (
    MAX_BATCH,
    MAX_CATEGORY,
    MAX_DESCRIPTION,
    MAX_LINES,
    MAX_NAME,
    MAX_PRICE_MINOR,
    MAX_QUANTITY,
    MAX_REASON,
    MAX_SKU,
    MAX_UNITS,
    Details,
    Line,
    NewProduct,
)
from store_catalog.use_cases import UseCases

_TAG: Final = re.compile(r"([1-9][0-9]{0,17})\.[0-9]{1,18}")
_MAX_ID: Final = 64
_MAX_AFTER: Final = 512
_MAX_SHIPMENTS: Final = 128
MAX_PRODUCT_BYTES: Final = 128 * 1024
"""Twice what the longest description takes when every letter of it is written as an escape."""
MAX_BATCH_BYTES: Final = 16 * 1024 * 1024
"""The most that a batch may have if `max_body_bytes`, 1 MiB by default, lets it through."""

_POSITION: Final = re.compile(r"([0-9a-f-]{36})\.([0-9]{1,15})(?:,|$)")


@dataclass(frozen=True, slots=True)
class Api:
    """What the routes share."""

    use_cases: UseCases
    currency: str
    cursors: Cursors


api: Final = state_of(Api)


ProductIdInPath = Annotated[str, Path(description="The product's id.", examples=[EXAMPLE_ID]), LOWER_CASE]
OrderIdInPath = Annotated[OpaqueId, Path(examples=["0b1f3f0e-6b1c-5a57-9a3a-2b0c5d7e9f10"])]
After = Annotated[
    str,
    Query(
        max_length=_MAX_AFTER,
        description="What was seen: `source.position` of earlier answers, the newest first, with commas.",
    ),
    BeforeValidator(lambda text: text[:_MAX_AFTER]),
]
"""Too many positions are no fault: those at the end are the oldest."""
IfMatch = Annotated[
    kit.IfMatch,
    Field(
        json_schema_extra=REQUIRED,
        description="The ETag that you read, or `*` for whichever it is: 428 without, 412 when the product was"
        " edited since. Sales in between do not matter: behind the dot of the tag is the stock's version.",
    ),
]
IdempotencyKey = Annotated[
    kit.IdempotencyKey, Field(description="Chosen by you; a request repeated with the same key counts once.")
]


def required_versions(if_match: str | None) -> frozenset[int] | None:
    """Return the product versions an If-Match names; None when any will do.

    Raises:
        PreconditionRequired: there is none.
    """
    if if_match is None:
        raise PreconditionRequired("Send If-Match with the ETag of the product that you read.")
    return responses.seen_versions(if_match, _TAG)


# ------------------------------------------------------------------------------------------ bodies, by pydantic

_SkuIn = Annotated[str, *line(MAX_SKU, examples=["85123A"])]
_NameIn = Annotated[str, *line(MAX_NAME, examples=["WHITE HANGING HEART T-LIGHT HOLDER"])]
_DescriptionIn = Annotated[str, *long_text(MAX_DESCRIPTION, examples=["Hangs anywhere."])]
_CategoryIn = Annotated[str, *line(MAX_CATEGORY, examples=["Kitchen"])]
_PriceIn = Annotated[
    int, Field(ge=1, le=MAX_PRICE_MINOR, description="In minor units of the currency.", examples=[295]), Whole
]


class ProductDetailsIn(StrictBody):
    """All that an administrator decides about a product."""

    sku: _SkuIn | None = None
    name: _NameIn
    description: _DescriptionIn = ""
    category: _CategoryIn
    price_minor: _PriceIn

    def details(self) -> Details:
        """Return it for the domain."""
        return Details(self.sku, self.name, self.description, self.category, self.price_minor)


class NewProductIn(ProductDetailsIn):
    """A product to be added."""

    stock: Annotated[int, Field(ge=0, le=MAX_UNITS, description="Units received with it."), Whole] = 0

    def product(self) -> NewProduct:
        """Return it for the domain."""
        return NewProduct(self.details(), self.stock)


class NewProductsIn(StrictBody):
    """Products to be added at once, validated field by field: for what `BatchIn` refuses."""

    products: Annotated[list[NewProductIn], Field(min_length=1, max_length=MAX_BATCH)]


class ProductPatchIn(StrictBody):
    """What shall be different; what is left out stays as it is."""

    sku: _SkuIn | None = None
    # Made by a factory, so that the document shows no default: left out is not the same as empty.
    name: Annotated[_NameIn, Field(default_factory=str)]
    description: Annotated[_DescriptionIn, Field(default_factory=str)]
    category: Annotated[_CategoryIn, Field(default_factory=str)]
    price_minor: Annotated[_PriceIn, Field(default_factory=int)]

    def changes(self) -> dict[str, Any]:
        """Return only what was sent."""
        return self.model_dump(exclude_unset=True)


class AdjustmentIn(StrictBody):
    """Units that came in (or, negative, were written off), and why."""

    delta: Annotated[int, Field(ge=-MAX_UNITS, le=MAX_UNITS, examples=[100]), Whole]
    reason: Annotated[str, *line(MAX_REASON, examples=["delivery 4711"])]


# ------------------------------------------------------------------------- large bodies, by msgspec (same bounds)


_Meta = msgspec.Meta


class BatchProductIn(msgspec.Struct, forbid_unknown_fields=True):
    """A product of a batch: the fields and bounds of `NewProductIn`."""

    name: Annotated[str, _Meta(min_length=1, max_length=MAX_NAME)]
    category: Annotated[str, _Meta(min_length=1, max_length=MAX_CATEGORY)]
    price_minor: Annotated[int, _Meta(ge=1, le=MAX_PRICE_MINOR)]
    sku: Annotated[str, _Meta(min_length=1, max_length=MAX_SKU)] | None = None
    description: Annotated[str, _Meta(max_length=MAX_DESCRIPTION)] = ""
    stock: Annotated[int, _Meta(ge=0, le=MAX_UNITS)] = 0

    def details(self) -> Details:
        """Return what an administrator decided about it."""
        return Details(
            None if self.sku is None else one_line(self.sku, MAX_SKU),
            one_line(self.name, MAX_NAME),
            several_lines(self.description, MAX_DESCRIPTION),
            one_line(self.category, MAX_CATEGORY),
            self.price_minor,
        )


class BatchIn(msgspec.Struct, forbid_unknown_fields=True):
    """Products to be added at once; never looser than `NewProductsIn`."""

    products: Annotated[list[BatchProductIn], _Meta(min_length=1, max_length=MAX_BATCH)]

    def new_products(self) -> list[NewProduct]:
        """Return them for the domain, every text in its one spelling.

        Raises:
            UnfitText: one cannot be kept.
        """
        return [NewProduct(p.details(), p.stock) for p in self.products]


BATCH_SCHEMA: Final = {
    "type": "object",
    "additionalProperties": False,
    "required": ["products"],
    "properties": {
        "products": {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_BATCH,
            "items": {"$ref": "#/components/schemas/NewProductIn"},
        }
    },
}
"""`BatchIn` for the API document; its products are those of the route that adds one."""


class LineIn(msgspec.Struct, forbid_unknown_fields=True):
    """A line of an order."""

    product_id: Annotated[str, _Meta(max_length=_MAX_ID)]
    quantity: Annotated[int, _Meta(ge=1, le=MAX_QUANTITY)]


class ReservationIn(msgspec.Struct, forbid_unknown_fields=True):
    """What an order wants to hold, and until when (milliseconds since the epoch) it wants to."""

    lines: Annotated[list[LineIn], _Meta(min_length=1, max_length=MAX_LINES)]
    not_after_ms: Annotated[int, _Meta(ge=0, le=2**53)]

    def wanted(self) -> list[Line]:
        """Return the lines for the domain.

        Raises:
            InvalidInput: a product is in two of them.
        """
        if len({line.product_id for line in self.lines}) < len(self.lines):
            raise InvalidInput(errors=[FieldError("body.lines", "a product may be in one line only")])
        return [Line(line.product_id, line.quantity) for line in self.lines]


class ShipmentsIn(msgspec.Struct, forbid_unknown_fields=True):
    """The orders whose goods are to be shipped."""

    order_ids: Annotated[
        list[Annotated[str, _Meta(pattern=ID_PATTERN)]], _Meta(min_length=1, max_length=_MAX_SHIPMENTS)
    ]


class LookupIn(msgspec.Struct, forbid_unknown_fields=True):
    """The products that another service asks about."""

    ids: Annotated[list[Annotated[str, _Meta(max_length=_MAX_ID)]], _Meta(max_length=MAX_LINES)]


ReservationBody = Annotated[ReservationIn, Depends(StructBody(ReservationIn))]
ShipmentsBody = Annotated[ShipmentsIn, Depends(StructBody(ShipmentsIn))]
LookupBody = Annotated[LookupIn, Depends(StructBody(LookupIn))]


def positions_of(after: str) -> dict[str, int]:
    """Return the positions seen, by the processes that counted them; anything else is ignored."""
    return {source: int(position) for source, position in _POSITION.findall(after)}
