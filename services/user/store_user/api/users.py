"""`/api/users`: registering."""

from fastapi import APIRouter, Request
from store_kit.problems import BadRequest, InvalidInput, TooManyRequests, problem_responses
from store_kit.responses import JsonResponse

from store_user.api.edge import client_address, use_cases
from store_user.api.models import AccountView, Registration, account_response
from store_user.domain import EmailTaken, TooBusy

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
    account = await use_cases(request).register(
        email=body.email, password=body.password, name=body.name, address=client_address(request)
    )
    return account_response(account, 201)
