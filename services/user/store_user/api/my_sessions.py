"""`/api/users/me/sessions`: where one is signed in."""

from fastapi import APIRouter, Request
from starlette.responses import Response
from store_kit.http import JsonResponse
from store_kit.problems import Forbidden, InvalidInput, Unauthenticated, problem_responses

from store_user.api.parameters import Me, SessionId, api
from store_user.api.views import SessionList
from store_user.problems import SessionNotFound

router = APIRouter(prefix="/api/users/me/sessions", tags=["users"])


@router.get(
    "",
    operation_id="list_my_sessions",
    summary="Where you are signed in",
    response_model=SessionList,
    responses=problem_responses(Unauthenticated, Forbidden),
)
async def list_my_sessions(request: Request, me: Me) -> JsonResponse:
    """Return the sessions that have not ended, the newest first, a hundred at most."""
    found = await api(request).use_cases.list_sessions(me)
    return JsonResponse(SessionList.of(found))


@router.delete(
    "",
    operation_id="end_my_sessions",
    summary="Sign out everywhere",
    status_code=204,
    responses=problem_responses(Unauthenticated, Forbidden),
)
async def end_my_sessions(request: Request, me: Me) -> Response:
    """End every session, this one too; access tokens end within ten seconds, on every service."""
    await api(request).use_cases.end_sessions.all(me.id, actor=me.id)
    return Response(status_code=204)


@router.delete(
    "/{session_id}",
    operation_id="end_my_session",
    summary="End one of your sessions",
    status_code=204,
    responses=problem_responses(Unauthenticated, Forbidden, SessionNotFound, InvalidInput),
)
async def end_my_session(request: Request, me: Me, session_id: SessionId) -> Response:
    """End one session; safe to repeat. Your other sessions get new access tokens by their refresh tokens."""
    await api(request).use_cases.end_sessions.one(me.id, session_id, actor=me.id)
    return Response(status_code=204)
