"""`/api/admin/users`: accounts and their roles, for administrators."""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response
from store_kit.clock import rfc3339
from store_kit.http import Cursor, IfMatch, JsonResponse, Limit, page_response
from store_kit.problems import (
    BadRequest,
    Forbidden,
    InvalidCursor,
    InvalidInput,
    PreconditionFailed,
    Unauthenticated,
    problem_responses,
)

from store_user.api.parameters import (
    AccountId,
    Administrator,
    RolesChange,
    SessionId,
    api,
)
from store_user.api.views import (
    AccountPage,
    AccountView,
    ResetView,
    SessionList,
    account_response,
    versions_of,
)
from store_user.domain import Role
from store_user.problems import AccountNotFound, LastAdmin, NotActive, SessionNotFound

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
    query, cursors = "accounts", api(request).cursors
    before = cursors.position(query, cursor, tuple[str])
    page = await api(request).use_cases.list_accounts(before=before, limit=limit)
    return page_response(request, AccountPage.of(page, cursors.following(query, page)))


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
    if_match: Annotated[IfMatch, Field(description="An ETag, to edit only that version.")] = None,
) -> JsonResponse:
    """Give the account exactly these roles; safe to repeat.

    When a role is taken away, access tokens end within ten seconds and sessions go on without it. The last
    administrator keeps the role (409).
    """
    roles, versions = frozenset(Role(role) for role in body.roles), versions_of(if_match, account_id)
    account = await api(request).use_cases.assign_roles(account_id, roles, actor=admin.id, versions=versions)
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
    account = await api(request).use_cases.disable(account_id, actor=admin.id)
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
    account = await api(request).use_cases.disable.undo(account_id, actor=admin.id)
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
    found = await api(request).use_cases.list_sessions.of_account(account_id)
    return JsonResponse(SessionList.of(found))


@router.delete(
    "/{account_id}/sessions",
    operation_id="end_user_sessions",
    summary="Sign an account out everywhere",
    status_code=204,
    responses=problem_responses(Unauthenticated, Forbidden, AccountNotFound, InvalidInput),
)
async def end_user_sessions(request: Request, admin: Administrator, account_id: AccountId) -> Response:
    """End every session of the account; access tokens end within ten seconds, on every service."""
    await api(request).use_cases.end_sessions.all(account_id, actor=admin.id)
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
    await api(request).use_cases.end_sessions.one(account_id, session_id, actor=admin.id)
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
    token, expires_at_ms = await api(request).use_cases.issue_reset(account_id, actor=admin.id)
    return JsonResponse(ResetView(token, rfc3339(expires_at_ms)), 201, {"Cache-Control": "no-store"})
