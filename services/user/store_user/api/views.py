"""What this service shows of accounts, sessions, tokens and news."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import Field
from store_kit.access.tokens import ALGORITHM
from store_kit.clock import rfc3339
from store_kit.http import PERSONAL, JsonResponse, etag_of, seen_versions
from store_kit.paging import Page

from store_user.domain import Account, Notification, Session, Tokens
from store_user.use_cases import MOST, Export, Summary

Id = Annotated[str, Field(description="UUIDv7.", examples=["0198c5a2-7b1e-7c3a-9d2f-5e8b6a1c4d70"])]
_TIME = "2026-03-01T09:30:00.000Z"
Time = Annotated[str, Field(description="RFC 3339, UTC.", examples=[_TIME])]


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account as its owner and administrators see it."""

    id: Id
    email: Annotated[str, Field(examples=["ann@example.com"])]
    name: Annotated[str | None, Field(examples=["Ann"])]
    roles: Annotated[list[str], Field(examples=[["customer"]])]
    status: Annotated[str, Field(description="`active` or `disabled`.", examples=["active"])]
    version: Annotated[int, Field(description="Counts edits; it is part of the ETag.", examples=[1])]
    created_at: Time
    updated_at: Time

    @classmethod
    def of(cls, account: Account) -> Self:
        """Return what may be seen of an account."""
        return cls(
            account.id,
            account.email,
            account.name,
            sorted(account.roles),
            account.standing,
            account.version,
            rfc3339(account.created_at_ms),
            rfc3339(account.updated_at_ms),
        )


def versions_of(if_match: str | None, account_id: str) -> frozenset[int] | None:
    """Return the versions of an account that an If-Match names; None when any will do, or nothing was said."""
    return seen_versions(if_match, re.compile(rf"([1-9][0-9]{{0,17}})-{re.escape(account_id)}"))


def account_etag(account: Account) -> str:
    """Return the tag of an account; whose it is, is part of it: `/api/users/me` does not say so."""
    return etag_of(f"{account.version}-{account.id}")


def account_response(account: Account, status: int = 200) -> JsonResponse:
    """Show an account to its owner or to an administrator."""
    headers = {"ETag": account_etag(account), **PERSONAL}
    return JsonResponse(AccountView.of(account), status, headers)


@dataclass(frozen=True, slots=True)
class AccountPage:
    """A page of accounts, newest first."""

    items: list[AccountView]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page[Account, Any], next_cursor: str | None) -> Self:
        """Return a page of accounts."""
        return cls([AccountView.of(account) for account in page.items], next_cursor)


@dataclass(frozen=True, slots=True)
class SessionView:
    """Where somebody signed in; its refresh tokens descend from one sign-in."""

    id: Id
    started_at: Time
    refreshed_at: Annotated[str, Field(description="When it last gave an access token.", examples=[_TIME])]
    expires_at: Time

    @classmethod
    def of(cls, session: Session) -> Self:
        """Return what may be seen of a session."""
        return cls(
            session.id,
            rfc3339(session.started_at_ms),
            rfc3339(session.rotated_at_ms),
            rfc3339(session.expires_at_ms),
        )


@dataclass(frozen=True, slots=True)
class SessionList:
    """Sessions, newest first."""

    items: list[SessionView]

    @classmethod
    def of(cls, sessions: Sequence[Session]) -> Self:
        """Return what may be seen of sessions."""
        return cls([SessionView.of(one) for one in sessions])


@dataclass(frozen=True, slots=True)
class ResetView:
    """A one-time token for a forgotten password; it is shown here and never again."""

    token: Annotated[
        str, Field(description="For `POST /api/auth/password-reset`.", examples=["0198c5a2-....pTn"])
    ]
    expires_at: Time


@dataclass(frozen=True, slots=True)
class NotificationView:
    """News about an order."""

    id: Id
    order_id: Id
    status: Annotated[str, Field(examples=["SHIPPING"])]
    at: Time

    @classmethod
    def of(cls, notification: Notification) -> Self:
        """Return what its reader sees."""
        return cls(notification.id, notification.order_id, notification.status, rfc3339(notification.at_ms))


@dataclass(frozen=True, slots=True)
class NotificationPage:
    """A page of news, newest first."""

    items: list[NotificationView]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page[Notification, Any], next_cursor: str | None) -> Self:
        """Return a page of news."""
        return cls([NotificationView.of(news) for news in page.items], next_cursor)


@dataclass(frozen=True, slots=True)
class SummaryView:
    """What the shop knows about its customer. Null is what an `unavailable` service did not say."""

    orders: Annotated[int | None, Field(description="Orders placed.", examples=[3])]
    total_spent_minor: Annotated[int | None, Field(description="In minor units.", examples=[12990])]
    currency: Annotated[str | None, Field(examples=["GBP"])]
    cart_lines: Annotated[int | None, Field(description="Different products in the cart.", examples=[2])]
    cart_units: Annotated[int | None, Field(description="Units in the cart.", examples=[5])]
    unavailable: Annotated[list[str], Field(description="`orders`, `cart` or none.", examples=[[]])]

    @classmethod
    def of(cls, summary: Summary) -> Self:
        """Return the figures that could be gathered."""
        spending, cart = summary.spending, summary.cart
        return cls(
            orders=spending.orders if spending else None,
            total_spent_minor=spending.total_spent_minor if spending else None,
            currency=spending.currency if spending else None,
            cart_lines=cart.lines if cart else None,
            cart_units=cart.units if cart else None,
            unavailable=[name for name, part in (("orders", spending), ("cart", cart)) if part is None],
        )


@dataclass(frozen=True, slots=True)
class ExportView:
    """Everything the shop keeps of a person; null is what could not be asked right now."""

    account: AccountView
    sessions: list[SessionView]
    orders: Annotated[list[dict[str, Any]] | None, Field(description="As in the list of orders, with lines.")]
    notifications: list[NotificationView]
    cart: Annotated[list[dict[str, Any]] | None, Field(description="Its lines.")]
    recently_viewed: Annotated[list[dict[str, Any]] | None, Field(description="The newest in front.")]
    incomplete: Annotated[list[str], Field(description="`orders`, `notifications`, `cart`.", examples=[[]])]

    @classmethod
    def of(cls, export: Export) -> Self:
        """Return the document."""
        orders, cart = export.orders, export.cart
        missing = {
            "orders": orders is None or not orders.complete,
            "notifications": len(export.notifications) == MOST,
            "cart": cart is None,
        }
        return cls(
            AccountView.of(export.account),
            [SessionView.of(one) for one in export.sessions],
            None if orders is None else [dict(order) for order in orders.orders],
            [NotificationView.of(one) for one in export.notifications],
            None if cart is None else [dict(line) for line in cart.cart],
            None if cart is None else [dict(view) for view in cart.recently_viewed],
            [part for part, is_missing in missing.items() if is_missing],
        )


@dataclass(frozen=True, slots=True)
class TokensView:
    """The answer of RFC 6749, 5.1."""

    access_token: Annotated[str, Field(description="For `Authorization: Bearer`.", examples=["eyJhbG..."])]
    token_type: Annotated[str, Field(examples=["bearer"])]
    expires_in: Annotated[int, Field(description="Seconds.", examples=[600])]
    refresh_token: Annotated[
        str | None,
        Field(description="For the next access token; works once.", examples=["0198c5a2-...1.Wd"]),
    ]

    @classmethod
    def of(cls, tokens: Tokens) -> Self:
        """Return the answer to a token request."""
        return cls(tokens.access_token, "bearer", tokens.expires_in_s, tokens.refresh_token)


@dataclass(frozen=True, slots=True)
class KeyView:
    """An Ed25519 public key (RFC 8037)."""

    kid: Annotated[str, Field(description="Its thumbprint (RFC 7638).")]
    kty: Annotated[str, Field(examples=["OKP"])]
    crv: Annotated[str, Field(examples=["Ed25519"])]
    x: str
    alg: Annotated[str, Field(examples=[ALGORITHM])]
    use: Annotated[str, Field(examples=["sig"])]


@dataclass(frozen=True, slots=True)
class KeySetView:
    """A JSON Web Key Set (RFC 7517)."""

    keys: list[KeyView]
