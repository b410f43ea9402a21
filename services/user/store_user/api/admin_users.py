"""`/api/admin/users`: accounts and their roles, for administrators."""

from typing import Annotated

from fastapi import APIRouter, Header, Request
from store_kit.auth import Admin
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
    RolesChange,
    account_etag,
    account_response,
)
from store_user.domain import AccountNotFound, LastAdmin, Role

router = APIRouter(prefix="/api/admin/users", tags=["admin"])


@router.get(
    "",
    operation_id="list_users",
    summary="List accounts",
    response_model=AccountPage,
    responses=problem_responses(InvalidCursor, Unauthenticated, Forbidden, InvalidInput),
)
async def list_users(
    request: Request, _admin: Admin, limit: Limit = 20, cursor: Cursor = None
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
    _admin: Admin,
    account_id: AccountId,
    body: RolesChange,
    if_match: Annotated[str | None, Header(description="An ETag, to edit only that version.")] = None,
) -> JsonResponse:
    """Give the account exactly these roles; safe to repeat.

    Access tokens keep the roles they were issued with until they expire, ten minutes at most. The last
    administrator keeps the role (409).
    """
    shop, roles = use_cases(request), frozenset(Role(role) for role in body.roles)
    version = None
    if if_match is not None:
        present = await shop.assign_roles.read(account_id)
        version = present.version
        require_match(request, account_etag(present))
    account = await shop.assign_roles(account_id, roles, version=version)
    return account_response(account)
