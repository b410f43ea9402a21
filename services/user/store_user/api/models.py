"""What the routes of accounts read and show."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field
from store_kit.clock import rfc3339
from store_kit.ids import LOWER_CASE, UUID_PATTERN
from store_kit.responses import PERSONAL, JsonResponse, etag_of
from store_kit.text_fields import line, matching

from store_user.domain import (
    EMAIL_MAX,
    EMAIL_PATTERN,
    NAME_MAX,
    PASSWORD_MAX,
    PASSWORD_MIN,
    TEXT_PATTERN,
    Account,
    Family,
    Notification,
)
from store_user.use_cases.export_account import MOST, Export

Id = Annotated[str, Field(description="UUIDv7.", examples=["0198c5a2-7b1e-7c3a-9d2f-5e8b6a1c4d70"])]
AccountId = Annotated[
    str,
    Path(
        pattern=UUID_PATTERN,
        description="The account's id.",
        examples=["0198c5a2-7b1e-7c3a-9d2f-5e8b6a1c4d70"],
    ),
    LOWER_CASE,
]
SessionId = Annotated[
    str,
    Path(
        pattern="^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        description="The session's id.",
        examples=["0198c5a2-7b1e-7c3a-9d2f-5e8b6a1c4d70"],
    ),
]
Limit = Annotated[int, Query(ge=1, le=100, description="How many at most.")]
Cursor = Annotated[
    str | None, Query(max_length=2048, description="`next_cursor` of the page before, as it was given.")
]
ONE_LINE = "must be one line of text without control characters"
Email = Annotated[
    str,
    *matching(
        EMAIL_PATTERN,
        "must be like ann@example.com",
        max_length=EMAIL_MAX,
        description="Case and surrounding spaces do not matter.",
        examples=["ann@example.com"],
    ),
]
Name = Annotated[str, *line(NAME_MAX, examples=["Ann", "Анна"])]
NewPassword = Annotated[
    str,
    *matching(
        TEXT_PATTERN,
        ONE_LINE,
        min_length=PASSWORD_MIN,
        max_length=PASSWORD_MAX,
        description="8 to 128 characters of any kind; a sentence is best.",
        examples=["three blue kettles"],
    ),
]
GivenPassword = Annotated[
    str,
    *matching(TEXT_PATTERN, ONE_LINE, min_length=1, max_length=PASSWORD_MAX, examples=["three blue kettles"]),
]
RoleName = Literal["customer", "admin"]
_TIME = "2026-03-01T09:30:00.000Z"
Time = Annotated[str, Field(description="RFC 3339, UTC.", examples=[_TIME])]


class Body(BaseModel):
    """A request body: unknown fields and wrong types are refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Registration(Body):
    """Who wants an account. There is no role here: everybody begins as a customer."""

    email: Email
    password: NewPassword
    name: Name | None = None


class ProfileChange(Body):
    """What may be edited on one's own account."""

    name: Name | None


class PasswordChange(Body):
    """Proof of the present password, and the next one."""

    current_password: GivenPassword
    new_password: NewPassword
    refresh_token: Annotated[
        str | None,
        Field(max_length=512, description="Of the session that goes on; all others end, and all without it."),
    ] = None


class Deletion(Body):
    """Proof of the password, before an account is deleted."""

    current_password: GivenPassword


class PasswordReset(Body):
    """A one-time token, and the next password."""

    token: Annotated[str, Field(min_length=1, max_length=256, examples=["0198c5a2-....pTn"])]
    new_password: NewPassword


class RolesChange(Body):
    """All roles that the account shall have."""

    roles: Annotated[list[RoleName], Field(min_length=1, max_length=2, examples=[["customer", "admin"]])]


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


@dataclass(frozen=True, slots=True)
class SessionView:
    """Where somebody signed in; its refresh tokens descend from one sign-in."""

    id: Id
    started_at: Time
    refreshed_at: Annotated[str, Field(description="When it last gave an access token.", examples=[_TIME])]
    expires_at: Time

    @classmethod
    def of(cls, family: Family) -> Self:
        """Return what may be seen of a session; its id begins with the time it was made (UUIDv7)."""
        started_ms = int(family.id[:8] + family.id[9:13], 16)
        return cls(
            family.id, rfc3339(started_ms), rfc3339(family.rotated_at_ms), rfc3339(family.expires_at_ms)
        )


@dataclass(frozen=True, slots=True)
class SessionList:
    """Sessions, newest first."""

    items: list[SessionView]


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


@dataclass(frozen=True, slots=True)
class SummaryView:
    """What the shop knows about its customer. Null is what an `unavailable` service did not say."""

    orders: Annotated[int | None, Field(description="Orders placed.", examples=[3])]
    total_spent_minor: Annotated[int | None, Field(description="In minor units.", examples=[12990])]
    currency: Annotated[str | None, Field(examples=["GBP"])]
    cart_lines: Annotated[int | None, Field(description="Different products in the cart.", examples=[2])]
    cart_units: Annotated[int | None, Field(description="Units in the cart.", examples=[5])]
    unavailable: Annotated[list[str], Field(description="`orders`, `cart` or none.", examples=[[]])]


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
        history, kept = export.history, export.kept
        missing = {
            "orders": history is None or not history.complete,
            "notifications": len(export.notifications) == MOST,
            "cart": kept is None,
        }
        return cls(
            AccountView.of(export.account),
            [SessionView.of(one) for one in export.sessions],
            None if history is None else [dict(order) for order in history.orders],
            [NotificationView.of(one) for one in export.notifications],
            None if kept is None else [dict(line) for line in kept.cart],
            None if kept is None else [dict(view) for view in kept.recently_viewed],
            [part for part, is_missing in missing.items() if is_missing],
        )
