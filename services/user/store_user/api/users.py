"""`/api/users`: registering."""

from fastapi import APIRouter, Request
from store_kit.http import JsonResponse
from store_kit.problems import BadRequest, InvalidInput, TooManyRequests, problem_responses

from store_user.api.parameters import Registration, api, caller
from store_user.api.views import AccountView, account_response
from store_user.problems import EmailTaken, TooBusy

router = APIRouter(prefix="/api/users", tags=["users"])


@router.post(
    "",
    operation_id="register_user",
    summary="Register",
    status_code=201,
    response_model=AccountView,
    responses=problem_responses(BadRequest, EmailTaken, InvalidInput, TooManyRequests, TooBusy),
)
async def register_user(request: Request, body: Registration) -> JsonResponse:
    """Open a customer account. Then get a token at `/api/auth/token`."""
    account = await api(request).use_cases.register(
        email=body.email, password=body.password, name=body.name, caller=caller(request)
    )
    return account_response(account, 201)
