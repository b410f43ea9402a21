"""What the routes of the cart service read from requests."""

import re
from dataclasses import dataclass
from typing import Annotated, Final, cast

from fastapi import Depends, Header, Path, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from store_kit.addresses import client_address
from store_kit.auth import OptionalUser
from store_kit.ids import LOWER_CASE, UUID_PATTERN
from store_kit.order_lines import MOST_ORDER_LINES
from store_kit.principal import Principal
from store_kit.problems import Forbidden
from store_kit.responses import seen_versions

from store_cart.domain import Ordered, Owner
from store_cart.use_cases import UseCases

EXAMPLE_PRODUCT: Final = "01936c7e-5b7a-7c3e-9f20-3d1f0a9b4c5d"
EXAMPLE_TOKEN: Final = "01936c80-11aa-7d43-8a55-0c9e2f1b7d64.aLx1Y3v1m6cJ0Yh2k9o0sQ4u8w2e5r7t"  # noqa: S105 - a sample
OPAQUE: Final = r"^[0-9A-Za-z_-]{1,64}$"
_TAG: Final = re.compile(r"([0-9]{1,18})(?:-[0-9a-f]{8})?")

MOST_UNITS: Final = 1_000_000
"""More is refused as input; the shop's own limit is a setting and a conflict."""
MOST_LINES: Final = MOST_ORDER_LINES
MAX_ITEMS_BYTES: Final = MOST_LINES * 256
"""A line has some ninety bytes, and twice that when a program writes it nicely."""

ProductId = Annotated[
    str, Field(pattern=UUID_PATTERN, description="The product's id.", examples=[EXAMPLE_PRODUCT]), LOWER_CASE
]


def _whole(value: object) -> object:
    """Take 2.0 for 2: to JSON Schema both are integers."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Quantity = Annotated[
    int, Field(ge=1, le=MOST_UNITS, description="Units.", examples=[2]), BeforeValidator(_whole)
]


def _digits(value: object) -> object:
    """Refuse what only a lenient parser takes for a number: blanks around it, signs, other scripts' digits."""
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        raise ValueError("must be written in digits")
    return value


Digits = BeforeValidator(_digits)
"""For numbers in a query."""
ProductIdInPath = Annotated[
    str, Path(pattern=UUID_PATTERN, description="The product's id.", examples=[EXAMPLE_PRODUCT]), LOWER_CASE
]
OpaqueId = Annotated[str, Path(pattern=OPAQUE, description="An id of another service.")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[!-~]+$",
        description="Chosen by you; a request repeated with the same key counts once (known for a day).",
    ),
]
IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match", description="The ETag of the cart that you read; 412 when it has changed since."
    ),
]
CartToken = Annotated[
    str | None,
    Header(
        alias="Cart-Token",
        description="A guest's cart, as issued in the Cart-Token header of the first write; "
        "ignored when signed in.",
    ),
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Item(_Body):
    """Units of a product."""

    product_id: ProductId
    quantity: Quantity


class NewQuantity(_Body):
    """How many units there shall be."""

    quantity: Quantity


class Items(_Body):
    """All lines of a cart; lines of one product are added together."""

    items: Annotated[list[Item], Field(max_length=MOST_LINES)]


class GuestCart(_Body):
    """The guest cart to bring along."""

    cart_token: Annotated[str, Field(min_length=1, max_length=200, examples=[EXAMPLE_TOKEN])]


class Viewed(_Body):
    """The product that was looked at."""

    product_id: ProductId


class Taken(_Body):
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


class OrderedLines(_Body):
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


def use_cases(request: Request) -> UseCases:
    """Return what the service can do."""
    return cast("UseCases", request.app.state.use_cases)


def user_owner(user: Principal) -> Owner:
    """Return the owner of a person's cart.

    Raises:
        Forbidden: it is a service, which shops for nobody.
    """
    if user.is_service:
        raise Forbidden("A service has no cart; sign in as a person or come as a guest.")
    return Owner("user", user.subject)


async def writing_shopper(request: Request, user: OptionalUser, cart_token: CartToken = None) -> Shopper:
    """Return who writes: a signed-in person, a known guest, or a new one.

    Raises:
        InvalidCartToken: the guest's token was altered, or is not one.
        TooManyRequests: too many new guests came from this address.
    """
    if user is not None:
        return Shopper(user_owner(user))
    state = request.app.state
    address = client_address(request, state.proxies, state.forwarded_by)
    return Shopper(*await use_cases(request).welcome_guest(cart_token, address))


async def _reading(request: Request, user: OptionalUser, cart_token: CartToken = None) -> Owner | None:
    if user is not None:
        return user_owner(user)
    return use_cases(request).recognise_guest(cart_token)


WritingShopper = Annotated[Shopper, Depends(writing_shopper)]
"""Who writes: a person, a known guest, or a new guest who is given a token."""
ReadingOwner = Annotated[Owner | None, Depends(_reading)]
"""Whose cart is read; None for a stranger, whose cart is empty."""


def versions_of(if_match: str | None) -> frozenset[int] | None:
    """Return the cart versions an If-Match names; None when any will do.

    The tag of a shown cart also covers its prices; an edit cares for the version in front only.
    """
    return seen_versions(if_match, _TAG)


def quantities_of(lines: list[Item]) -> dict[str, int]:
    """Return units by product; lines of one product are added together."""
    quantities: dict[str, int] = {}
    for line in lines:
        quantities[line.product_id] = quantities.get(line.product_id, 0) + line.quantity
    return quantities
