"""What happened to an order, as a list or as a stream of server-sent events."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Request
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event
from starlette.responses import Response
from store_kit.access.tokens import CurrentUser
from store_kit.http import JsonResponse, draining, json_bytes, preferred
from store_kit.problems import Forbidden, InvalidInput, TooManyRequests, Unauthenticated, problem_responses

from store_order.api.parameters import OrderId, api
from store_order.api.views import EventView, TimelineView
from store_order.domain import Event
from store_order.problems import OrderNotFound

router: Final = APIRouter(tags=["orders"])
_STREAM: Final = "text/event-stream"
_MAX_DIGITS: Final = 9
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "content": {_STREAM: {"schema": {"type": "string"}}},
        "description": "The timeline; a stream of it when Accept asks for text/event-stream.",
    },
    204: {"description": "The order is final and Last-Event-ID has seen everything: stop asking."},
}


@router.get(
    "/api/orders/{order_id}/events",
    operation_id="list_order_events",
    summary="Show or follow an order's timeline",
    response_model=TimelineView,
    responses=_ANSWERS
    | problem_responses(Unauthenticated, Forbidden, OrderNotFound, InvalidInput, TooManyRequests),
)
async def list_order_events(
    request: Request,
    user: CurrentUser,
    order_id: OrderId,
    last_event_id: Annotated[
        str | None,
        Header(max_length=64, description="The id of the last event that was seen (streams only)."),
    ] = None,
) -> Response:
    """Show every change of the order's status so far, oldest first.

    With `Accept: text/event-stream` the answer is a stream that goes on until the order is final: `id` is the
    event's id, `event` the status, `data` the event as JSON. Reconnecting with Last-Event-ID misses nothing. An
    account may follow 20 streams at once; one more is 429.
    """
    follow = api(request).use_cases.follow_timeline
    if preferred(request.headers.get("accept"), (JsonResponse.media_type, _STREAM)) != _STREAM:
        return JsonResponse(TimelineView.of(await follow.so_far(order_id, user)))
    events = await follow(order_id, user, _version_of(last_event_id), draining(request))
    if events is None:
        return Response(status_code=204)  # an EventSource would otherwise reconnect for ever
    api(request).streams.begin(request.scope, user.subject)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return EventSourceResponse(_encoded(events), headers=headers)


async def _encoded(events: AsyncIterator[Event | None]) -> AsyncIterator[bytes]:
    async for event in events:
        if event is None:
            yield KEEPALIVE_COMMENT
        else:
            data = json_bytes(EventView.of(event)).decode()
            yield format_sse_event(data_str=data, event=event.status.value, id=str(event.version))


def _version_of(last_event_id: str | None) -> int:
    """Return the version after which to go on; what is not an id of ours begins at the beginning."""
    if last_event_id is None or not last_event_id.isascii() or not last_event_id.isdigit():
        return 0
    return int(last_event_id) if len(last_event_id) <= _MAX_DIGITS else 0
