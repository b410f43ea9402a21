"""What the routes of this service read: its state, ids in paths, versions, and the bodies of requests."""

import re
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from fastapi import Path
from pydantic import ConfigDict, Field
from store_kit.http import (
    REQUIRED,
    Cursor,
    Cursors,
    IdempotencyKey,
    IfMatch,
    Limit,
    StrictBody,
    Uuid,
    Whole,
    seen_versions,
    state_of,
)
from store_kit.money import MAX_MINOR
from store_kit.problems import PreconditionRequired
from store_kit.wire.streams import Streams

from store_order.domain import Status
from store_order.use_cases import UseCases


@dataclass(frozen=True, slots=True)
class Api:
    """What the routes share."""

    use_cases: UseCases
    cursors: Cursors
    streams: Streams
    currency: str


api: Final = state_of(Api)


OrderId = Annotated[
    Uuid, Path(examples=["6f1c2a34-5b7d-5e8f-9a0b-1c2d3e4f5a6b"], description="The order's id, a UUID.")
]
OrderLimit = Annotated[Limit, Field(description="How many orders at most.")]
OrderCursor = Annotated[
    Cursor, Field(description="`next_cursor` of the page before; works with the same filters only.")
]
OrderKey = Annotated[
    IdempotencyKey,
    Field(
        json_schema_extra=REQUIRED,
        description="Required. Repeating a request with the same key and body gives the same order.",
        examples=["8e03978e-40d5-43e8-bc93-6894a57f9324"],
    ),
]
CartIfMatch = Annotated[
    IfMatch,
    Field(description="The ETag of the cart that you read: 412 when the cart or a price is another now."),
]
OrderIfMatch = Annotated[
    IfMatch, Field(description="The ETag of the order that you have seen; 412 at another.")
]
RequiredIfMatch = Annotated[
    IfMatch,
    Field(json_schema_extra=REQUIRED, description="Required: the ETag of the order that you have seen."),
]
_VERSION: Final = re.compile(r"([1-9][0-9]{0,8})")
"""How an entity tag of an order is written, without its quotes: in one way, so that equal versions are equal tags."""


def versions_of(tags: str | None) -> frozenset[int] | None:
    """Return the versions of an order that a header names; None when any will do, or nothing was said."""
    return seen_versions(tags, _VERSION)


def required_versions(if_match: str | None) -> frozenset[int] | None:
    """Return the versions that an If-Match names; None when any will do.

    Raises:
        PreconditionRequired: nothing was said.
    """
    if if_match is None:
        raise PreconditionRequired("Send If-Match with the ETag that you read.")
    return versions_of(if_match)


class StatusRequest(StrictBody):
    """The status that an order shall have."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "PROCESSING"}]})

    status: Status = Field(
        strict=False, description="PROCESSING, SHIPPING, DELIVERED or CANCELLED, if it may follow."
    )


class OrderRequest(StrictBody):
    """How an order is paid; what is ordered is the cart, prices are the catalogue's."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}]})

    payment_token: Literal["tok_approve", "tok_decline", "tok_timeout", "tok_timeout_lost"] = Field(
        default="tok_approve",
        description="A token of the simulated provider: it approves, declines, approves without answering, "
        "or never hears of the charge.",
    )
    # The bounds are the number's: around the choice they would be held against null too, which fails (TypeError).
    expected_total_minor: Annotated[
        Annotated[int, Field(ge=0, le=MAX_MINOR), Whole] | None,
        Field(
            examples=[1795],
            description="The total that you agreed to, in minor units: the order is refused if it is another. Without "
            "it (and without If-Match) the order may not be dearer than what you were last shown.",
        ),
    ] = None
