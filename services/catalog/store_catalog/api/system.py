"""How the whole shop is, for people and load balancers."""

from fastapi import APIRouter, Request
from starlette.responses import Response
from store_kit.responses import JsonResponse

from store_catalog.api.parameters import use_cases
from store_catalog.api.views import ServiceHealthView, SystemHealthView
from store_catalog.ports import PeerHealth

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
    answers = await use_cases(request).check_health()
    up = all(answer.up for answer in answers)
    view = SystemHealthView("up" if up else "degraded", [_view(answer) for answer in answers])
    return JsonResponse(view, 200 if up else 503, {"Cache-Control": "no-store"})


def _view(answer: PeerHealth) -> ServiceHealthView:
    return ServiceHealthView(
        answer.name,
        answer.status,
        answer.latency_ms,
        answer.version,
        answer.uptime_s,
        answer.dependencies,
        answer.detail,
    )
