"""How the whole shop is, for people and load balancers."""

from fastapi import APIRouter, Request
from starlette.responses import Response
from store_kit.http import JsonResponse

from store_catalog.api.parameters import api
from store_catalog.api.views import SystemHealthView

router = APIRouter(prefix="/api/system", tags=["system"])


@router.get(
    "/health",
    operation_id="system_health",
    summary="Health of the shop",
    response_model=SystemHealthView,
    responses={503: {"model": SystemHealthView, "description": "At least one service is not up."}},
)
async def system_health(request: Request) -> Response:
    """Ask all services at once how they are: version, uptime, dependencies, and how long each answer took."""
    view = SystemHealthView.of(await api(request).use_cases.check_health())
    return JsonResponse(view, 200 if view.status == "up" else 503, {"Cache-Control": "no-store"})
