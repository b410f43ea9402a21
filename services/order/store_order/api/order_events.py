"""What happened to an order, as a list or as a stream of server-sent events."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Request
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event
from starlette.responses import Response
from store_kit.auth import CurrentUser
from store_kit.header_fields import preferred
from store_kit.problems import Forbidden, InvalidInput, TooManyRequests, Unauthenticated, problem_responses
from store_kit.responses import JsonResponse, json_bytes
from store_kit.streams import Streams

from store_order.api.parts import OrderId, use_cases
from store_order.api.views import TimelineView, event_view
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
    cases = use_cases(request)
    order = await cases.view_order(order_id, user)
    if preferred(request.headers.get("accept"), (JsonResponse.media_type, _STREAM)) != _STREAM:
        events = await cases.follow_timeline.so_far(order_id)
        return JsonResponse(TimelineView([event_view(e) for e in events]))
    seen = _version_of(last_event_id)
    if order.status.final and seen >= order.version:
        return Response(status_code=204)  # an EventSource would otherwise reconnect for ever
    streams: Streams = request.app.state.streams
    streams.begin(request.scope, user.subject)
    stream = _encoded(cases.follow_timeline(order_id, seen, _ending(request)))
    return EventSourceResponse(stream, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


async def _encoded(events: AsyncIterator[Event | None]) -> AsyncIterator[bytes]:
    async for event in events:
        if event is None:
            yield KEEPALIVE_COMMENT
        else:
            data = json_bytes(event_view(event)).decode()
            yield format_sse_event(data_str=data, event=event.status.value, id=str(event.version))


def _version_of(last_event_id: str | None) -> int:
    """Return the version after which to go on; what is not an id of ours begins at the beginning."""
    if last_event_id is None or not last_event_id.isascii() or not last_event_id.isdigit():
        return 0
    return int(last_event_id) if len(last_event_id) <= _MAX_DIGITS else 0


def _ending(request: Request) -> asyncio.Event:
    draining: asyncio.Event = request.app.state.draining
    return draining
