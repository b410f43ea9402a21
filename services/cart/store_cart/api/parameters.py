"""What the routes of the cart service read from requests."""

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Header, Path, Request
from pydantic import Field
from store_kit.access.tokens import OptionalUser
from store_kit.http import Cursors, OpaqueId, StrictBody, Uuid, Whole, client_address, seen_versions, state_of
from store_kit.http import parameters as kit
from store_kit.principal import Principal
from store_kit.problems import Forbidden
from store_kit.settings import ForwardedBy, Network
from store_kit.shop import MOST_ORDER_LINES

from store_cart.domain import Ordered, Owner
from store_cart.use_cases import UseCases

EXAMPLE_PRODUCT: Final = "01936c7e-5b7a-7c3e-9f20-3d1f0a9b4c5d"
EXAMPLE_TOKEN: Final = "01936c80-11aa-7d43-8a55-0c9e2f1b7d64.aLx1Y3v1m6cJ0Yh2k9o0sQ4u8w2e5r7t"  # noqa: S105 - a sample
_TAG: Final = re.compile(r"(0|[1-9][0-9]{0,17})(?:-[0-9a-f]{8})?")

MOST_UNITS: Final = 1_000_000
"""More is refused as input; the shop's own limit is a setting and a conflict."""
MOST_LINES: Final = MOST_ORDER_LINES
MAX_ITEMS_BYTES: Final = MOST_LINES * 256
"""A line has some ninety bytes, and twice that when a program writes it nicely."""

ProductId = Annotated[Uuid, Field(description="The product's id.", examples=[EXAMPLE_PRODUCT])]
ProductIdInPath = Annotated[Uuid, Path(description="The product's id.", examples=[EXAMPLE_PRODUCT])]
IdInPath = Annotated[OpaqueId, Path(description="An id of another service.")]
Quantity = Annotated[int, Field(ge=1, le=MOST_UNITS, description="Units.", examples=[2]), Whole]
IdempotencyKey = Annotated[
    kit.IdempotencyKey,
    Field(description="Chosen by you; a request repeated with the same key counts once (known for a day)."),
]
IfMatch = Annotated[
    kit.IfMatch, Field(description="The ETag of the cart that you read; 412 when it has changed since.")
]
CartToken = Annotated[
    str | None,
    Header(
        alias="Cart-Token",
        description="A guest's cart, as issued in the Cart-Token header of the first write; "
        "ignored when signed in.",
    ),
]


class Item(StrictBody):
    """Units of a product."""

    product_id: ProductId
    quantity: Quantity


class NewQuantity(StrictBody):
    """The new quantity."""

    quantity: Quantity


class Items(StrictBody):
    """All lines of a cart; lines of one product are added together."""

    items: Annotated[list[Item], Field(max_length=MOST_LINES)]


class GuestCart(StrictBody):
    """The guest cart to bring along."""

    cart_token: Annotated[str, Field(min_length=1, max_length=200, examples=[EXAMPLE_TOKEN])]


class Viewed(StrictBody):
    """The product that was looked at."""

    product_id: ProductId


class Taken(StrictBody):
    """The version at which an order takes a cart."""

    version: Annotated[int, Field(ge=1, le=2**53, description="The cart's version when it was read.")]


class OrderedItem(Item):
    """Units of a line that were ordered."""

    since: Annotated[
        int | None,
        Field(
            ge=0, le=2**53, description="The line's `since` when the cart was read; null takes it from any."
        ),
    ] = None


class OrderedLines(StrictBody):
    """What was ordered."""

    lines: Annotated[list[OrderedItem], Field(max_length=MOST_LINES)]

    def ordered(self) -> list[Ordered]:
        """Return the lines for the domain; those of one product are added together."""
        found: dict[str, Ordered] = {}
        for line in self.lines:
            before = found.get(line.product_id)
            quantity = line.quantity + (before.quantity if before else 0)
            found[line.product_id] = Ordered(line.product_id, quantity, line.since)
        return list(found.values())


@dataclass(frozen=True, slots=True)
class Shopper:
    """Who writes to a cart, and the token that a new guest must keep."""

    owner: Owner
    new_token: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The Cart-Token header for a new guest."""
        return {} if self.new_token is None else {"Cart-Token": self.new_token}


@dataclass(frozen=True, slots=True)
class Api:
    """What the routes share."""

    use_cases: UseCases
    cursors: Cursors
    trusted_proxies: Sequence[Network]
    forwarded_by: ForwardedBy


api: Final = state_of(Api)


def user_owner(user: Principal) -> Owner:
    """Return the owner of a person's cart.

    Raises:
        Forbidden: it is a service, which has no cart.
    """
    if user.is_service:
        raise Forbidden("A service has no cart; sign in as a person or come as a guest.")
    return Owner("user", user.subject)


async def _writing(request: Request, user: OptionalUser, cart_token: CartToken = None) -> Shopper:
    """Return who writes: a signed-in person, a known guest, or a new one.

    Raises:
        InvalidCartToken: the guest's token was altered, or is not one.
        TooManyRequests: too many new guests came from this address.
    """
    if user is not None:
        return Shopper(user_owner(user))
    found = api(request)
    address = client_address(request, found.trusted_proxies, found.forwarded_by)
    return Shopper(*await found.use_cases.welcome_guest(cart_token, address))


async def _reading(request: Request, user: OptionalUser, cart_token: CartToken = None) -> Owner | None:
    if user is not None:
        return user_owner(user)
    return api(request).use_cases.recognise_guest(cart_token)


WritingShopper = Annotated[Shopper, Depends(_writing)]
"""Who writes: a person, a known guest, or a new guest who is given a token."""
ReadingOwner = Annotated[Owner | None, Depends(_reading)]
"""Whose cart is read; None for a client without account and token, whose cart is empty."""


versions_of: Final = functools.partial(seen_versions, opaque_tag=_TAG)
"""Returns the cart versions an If-Match names; None when any will do.

The tag of a shown cart also covers its prices; an edit cares for the version in front only.
"""


def quantities_of(lines: list[Item]) -> dict[str, int]:
    """Return units by product; lines of one product are added together."""
    quantities: dict[str, int] = {}
    for line in lines:
        quantities[line.product_id] = quantities.get(line.product_id, 0) + line.quantity
    return quantities
