"""`/api/admin/users`: accounts and their roles, for administrators."""

from typing import Annotated

from fastapi import APIRouter, Header, Request
from starlette.responses import Response
from store_kit.clock import rfc3339
from store_kit.cursors import page_link
from store_kit.problems import (
    BadRequest,
    Forbidden,
    InvalidCursor,
    InvalidInput,
    PreconditionFailed,
    Unauthenticated,
    problem_responses,
)
from store_kit.responses import JsonResponse, require_match

from store_user.api.edge import edge, use_cases
from store_user.api.models import (
    AccountId,
    AccountPage,
    AccountView,
    Cursor,
    Limit,
    ResetView,
    RolesChange,
    SessionId,
    SessionList,
    SessionView,
    account_etag,
    account_response,
)
from store_user.api.who import Administrator
from store_user.domain import AccountNotFound, LastAdmin, NotActive, Role, SessionNotFound

router = APIRouter(prefix="/api/admin/users", tags=["admin"])


@router.get(
    "",
    operation_id="list_users",
    summary="List accounts",
    response_model=AccountPage,
    responses=problem_responses(InvalidCursor, Unauthenticated, Forbidden, InvalidInput),
)
async def list_users(
    request: Request, _admin: Administrator, limit: Limit = 20, cursor: Cursor = None
) -> JsonResponse:
    """Return a page of accounts, newest first."""
    query, cursors = "accounts", edge(request).cursors
    before_id = None if cursor is None else str(cursors.decode(query, cursor)[0])
    found = await use_cases(request).list_accounts(before_id=before_id, limit=limit + 1)
    page = found[:limit]
    following = cursors.encode(query, (page[-1].id,)) if len(found) > limit else None
    view = AccountPage([AccountView.of(account) for account in page], following)
    return JsonResponse(view, headers=page_link(request, following))


@router.put(
    "/{account_id}/roles",
    operation_id="set_user_roles",
    summary="Set an account's roles",
    response_model=AccountView,
    responses=problem_responses(
        BadRequest, Unauthenticated, Forbidden, AccountNotFound, LastAdmin, PreconditionFailed, InvalidInput
    ),
)
async def set_user_roles(
    request: Request,
    admin: Administrator,
    account_id: AccountId,
    body: RolesChange,
    if_match: Annotated[str | None, Header(description="An ETag, to edit only that version.")] = None,
) -> JsonResponse:
    """Give the account exactly these roles; safe to repeat.

    When a role is taken away, access tokens end within ten seconds and sessions go on without it. The last
    administrator keeps the role (409).
    """
    shop, roles = use_cases(request), frozenset(Role(role) for role in body.roles)
    version = None
    if if_match is not None:
        present = await shop.assign_roles.read(account_id)
        version = present.version
        require_match(request, account_etag(present))
    account = await shop.assign_roles(account_id, roles, actor=admin.id, version=version)
    return account_response(account)


@router.post(
    "/{account_id}/disable",
    operation_id="disable_user",
    summary="Disable an account",
    response_model=AccountView,
    responses=problem_responses(Unauthenticated, Forbidden, AccountNotFound, LastAdmin, InvalidInput),
)
async def disable_user(request: Request, admin: Administrator, account_id: AccountId) -> JsonResponse:
    """Sign the account out everywhere within ten seconds and refuse sign-ins; nothing is lost. Safe to repeat.

    The last administrator stays (409).
    """
    account = await use_cases(request).disable(account_id, actor=admin.id)
    return account_response(account)


@router.post(
    "/{account_id}/enable",
    operation_id="enable_user",
    summary="Enable an account",
    response_model=AccountView,
    responses=problem_responses(Unauthenticated, Forbidden, AccountNotFound, InvalidInput),
)
async def enable_user(request: Request, admin: Administrator, account_id: AccountId) -> JsonResponse:
    """Let its owner sign in again; safe to repeat."""
    account = await use_cases(request).disable.undo(account_id, actor=admin.id)
    return account_response(account)


@router.get(
    "/{account_id}/sessions",
    operation_id="list_user_sessions",
    summary="Where an account is signed in",
    response_model=SessionList,
    responses=problem_responses(Unauthenticated, Forbidden, AccountNotFound, InvalidInput),
)
async def list_user_sessions(request: Request, _admin: Administrator, account_id: AccountId) -> JsonResponse:
    """Return the sessions that have not ended, the newest first, a hundred at most."""
    shop = use_cases(request)
    found = await shop.list_sessions(await shop.assign_roles.read(account_id))
    return JsonResponse(SessionList([SessionView.of(one) for one in found]))


@router.delete(
    "/{account_id}/sessions",
    operation_id="end_user_sessions",
    summary="Sign an account out everywhere",
    status_code=204,
    responses=problem_responses(Unauthenticated, Forbidden, AccountNotFound, InvalidInput),
)
async def end_user_sessions(request: Request, admin: Administrator, account_id: AccountId) -> Response:
    """End every session of the account; access tokens end within ten seconds, on every service."""
    await use_cases(request).end_sessions.all(account_id, actor=admin.id)
    return Response(status_code=204)


@router.delete(
    "/{account_id}/sessions/{session_id}",
    operation_id="end_user_session",
    summary="End a session of an account",
    status_code=204,
    responses=problem_responses(Unauthenticated, Forbidden, AccountNotFound, SessionNotFound, InvalidInput),
)
async def end_user_session(
    request: Request, admin: Administrator, account_id: AccountId, session_id: SessionId
) -> Response:
    """End one session; safe to repeat. The account's other sessions get new access tokens by their refresh tokens."""
    await use_cases(request).end_sessions.one(account_id, session_id, actor=admin.id)
    return Response(status_code=204)


@router.post(
    "/{account_id}/password-resets",
    operation_id="issue_password_reset",
    summary="Make a one-time token for a forgotten password",
    status_code=201,
    response_model=ResetView,
    responses=problem_responses(Unauthenticated, Forbidden, AccountNotFound, NotActive, InvalidInput),
)
async def issue_password_reset(request: Request, admin: Administrator, account_id: AccountId) -> JsonResponse:
    """Return a token that sets a new password once, within an hour; hand it to the account's owner.

    A newer one makes it worthless, as does a change of the password. The present password works on until then.
    """
    token, expires_at_ms = await use_cases(request).issue_reset(account_id, actor=admin.id)
    return JsonResponse(ResetView(token, rfc3339(expires_at_ms)), 201, {"Cache-Control": "no-store"})
