"""What the order service answers to its peers."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request
from starlette.responses import Response
from store_kit.auth import Service
from store_kit.problems import Forbidden, InvalidInput, Unauthenticated, problem_responses
from store_kit.responses import JsonResponse

from store_order.api.parts import use_cases
from store_order.api.views import UserSummaryView

router: Final = APIRouter(prefix="/internal", tags=["internal"])


@router.get(
    "/users/{user_id}/summary",
    operation_id="get_user_summary",
    summary="A user's orders in figures",
    response_model=UserSummaryView,
    responses=problem_responses(Unauthenticated, Forbidden, InvalidInput),
)
async def get_user_summary(
    request: Request, _service: Service, user_id: Annotated[str, Path(min_length=1, max_length=64)]
) -> Response:
    """Answer how many orders a user has placed and what those that were not cancelled cost."""
    summary = await use_cases(request).summarise_user(user_id)
    currency: str = request.app.state.currency
    return JsonResponse(UserSummaryView(summary.orders, summary.total_spent_minor, currency))
