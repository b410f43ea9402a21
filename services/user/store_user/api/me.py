"""`/api/users/me`: one's own account."""

from typing import Annotated

from fastapi import APIRouter, Header, Request
from pydantic import Field
from starlette.responses import Response
from store_kit.http import (
    PERSONAL,
    REQUIRED,
    Cursor,
    IfMatch,
    JsonResponse,
    Limit,
    not_modified,
    page_response,
)
from store_kit.problems import (
    BadRequest,
    Forbidden,
    InvalidCursor,
    InvalidInput,
    PreconditionFailed,
    PreconditionRequired,
    TooManyRequests,
    Unauthenticated,
    problem_responses,
)

from store_user.api.parameters import (
    Deletion,
    Me,
    PasswordChange,
    ProfileChange,
    api,
    caller,
)
from store_user.api.views import (
    AccountView,
    ExportView,
    NotificationPage,
    SummaryView,
    account_etag,
    account_response,
    versions_of,
)
from store_user.problems import LastAdmin, TooBusy, WrongPassword

router = APIRouter(prefix="/api/users/me", tags=["users"])


@router.get(
    "",
    operation_id="get_me",
    summary="Read your account",
    response_model=AccountView,
    responses={
        304: {"description": "Not changed since the ETag in If-None-Match"},
        **problem_responses(Unauthenticated, Forbidden, InvalidInput),
    },
)
async def get_me(
    request: Request,
    me: Me,
    if_none_match: Annotated[str | None, Header(description="An ETag.")] = None,  # noqa: ARG001 - documents it
) -> Response:
    """Return the account of the token, with its ETag."""
    return not_modified(request, account_etag(me), PERSONAL) or account_response(me)


@router.patch(
    "",
    operation_id="update_me",
    summary="Change your name",
    response_model=AccountView,
    responses=problem_responses(
        BadRequest, Unauthenticated, Forbidden, PreconditionFailed, InvalidInput, PreconditionRequired
    ),
)
async def update_me(
    request: Request,
    me: Me,
    body: ProfileChange,
    if_match: Annotated[
        IfMatch,
        Field(
            json_schema_extra=REQUIRED,
            description="The ETag that was read.",
            examples=['"1-0198c5a2-7b1e-7c3a-9d2f-5e8b6a1c4d70"'],
        ),
    ] = None,
) -> JsonResponse:
    """Set the name, or clear it with null. If-Match must name the version that was read."""
    if if_match is None:
        raise PreconditionRequired("Send If-Match with the ETag that you read.")
    versions = versions_of(if_match, me.id)
    return account_response(await api(request).use_cases.rename(me.id, body.name, versions=versions))


@router.put(
    "/password",
    operation_id="change_password",
    summary="Change your password",
    status_code=204,
    responses=problem_responses(
        BadRequest, Unauthenticated, Forbidden, WrongPassword, InvalidInput, TooManyRequests, TooBusy
    ),
)
async def change_password(request: Request, me: Me, body: PasswordChange) -> Response:
    """Replace the password; every session ends but that of `refresh_token`.

    All access tokens end within ten seconds, the one of this request too: get another by `refresh_token`.
    """
    await api(request).use_cases.change_password(
        me.id,
        current=body.current_password,
        new=body.new_password,
        refresh_token=body.refresh_token,
        caller=caller(request),
    )
    return Response(status_code=204)


@router.get(
    "/summary",
    operation_id="get_my_summary",
    summary="Orders, money spent and cart at a glance",
    response_model=SummaryView,
    responses=problem_responses(Unauthenticated, Forbidden),
)
async def get_my_summary(request: Request, me: Me) -> JsonResponse:
    """Gather figures from the order and the cart service.

    A service that does not answer costs its own figures only: they are null, and `unavailable` names it.
    """
    return JsonResponse(SummaryView.of(await api(request).use_cases.summarise(me.id)))


@router.get(
    "/export",
    operation_id="export_me",
    summary="Everything the shop keeps of you",
    response_model=ExportView,
    responses=problem_responses(Unauthenticated, Forbidden),
)
async def export_me(request: Request, me: Me) -> JsonResponse:
    """Return account, sessions, orders with their lines, notifications and the size of the cart, in one document.

    Of orders and notifications it has the newest thousand; `incomplete` names what has more, and what could not be
    asked right now.
    """
    export = await api(request).use_cases.export(me)
    disposition = 'attachment; filename="account.json"'
    return JsonResponse(ExportView.of(export), headers={"Content-Disposition": disposition})


@router.post(
    "/deletion",
    operation_id="delete_me",
    summary="Delete your account",
    status_code=204,
    responses=problem_responses(
        BadRequest,
        Unauthenticated,
        Forbidden,
        WrongPassword,
        LastAdmin,
        InvalidInput,
        TooManyRequests,
        TooBusy,
    ),
)
async def delete_me(request: Request, me: Me, body: Deletion) -> Response:
    """Delete the account for good: name, e-mail address, sessions, notifications and cart.

    Orders stay for the books, and nobody can tell from them who placed them. The last administrator cannot leave (409).
    """
    await api(request).use_cases.delete_account(me.id, password=body.current_password, caller=caller(request))
    return Response(status_code=204)


@router.get(
    "/notifications",
    operation_id="list_my_notifications",
    summary="News about your orders",
    response_model=NotificationPage,
    responses=problem_responses(InvalidCursor, Unauthenticated, Forbidden, InvalidInput),
)
async def list_my_notifications(
    request: Request, me: Me, limit: Limit = 20, cursor: Cursor = None
) -> JsonResponse:
    """Return a page of news, newest first."""
    query, cursors = f"notifications:{me.id}", api(request).cursors
    before = cursors.position(query, cursor, tuple[int, str])
    page = await api(request).use_cases.list_notifications(me.id, before=before, limit=limit)
    return page_response(request, NotificationPage.of(page, cursors.following(query, page)))
