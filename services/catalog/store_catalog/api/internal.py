"""What other services of the shop ask of the catalogue; the gateway does not show these routes."""

from typing import Final

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response
from store_kit.auth import MayLookUpProducts, MayReserveStock
from store_kit.bare_routes import BareRoute
from store_kit.problems import (
    BadRequest,
    FieldError,
    Forbidden,
    InvalidInput,
    Unauthenticated,
    problem_responses,
)
from store_kit.responses import JsonResponse

from store_catalog.api.bodies import read_body
from store_catalog.api.for_services import for_services
from store_catalog.api.parameters import (
    After,
    LookupIn,
    OrderIdInPath,
    ReservationIn,
    positions_of,
    struct_body,
    use_cases,
)
from store_catalog.api.views import (
    ChangesView,
    FoundProductsView,
    ReservationEndView,
    ReservationView,
    changes_view,
    found_products_view,
    reservation_view,
)
from store_catalog.problems import (
    InsufficientStock,
    ReservationExpired,
    ReservationReleased,
    ReservationShipped,
)

router = APIRouter(prefix="/internal", tags=["internal"], route_class=BareRoute)
_SERVICE = (BadRequest, Unauthenticated, Forbidden, InvalidInput)
_reservation: Final = msgspec.json.Decoder(ReservationIn)
_lookup: Final = msgspec.json.Decoder(LookupIn)


@router.put(
    "/reservations/{order_id}",
    operation_id="reserve_stock",
    summary="Hold stock for an order",
    response_model=ReservationView,
    responses=problem_responses(
        *_SERVICE, InsufficientStock, ReservationReleased, ReservationShipped, ReservationExpired
    ),
    openapi_extra=struct_body(ReservationIn),
)
@for_services(MayReserveStock)
async def reserve_stock(request: Request, order_id: OrderIdInPath, _service: MayReserveStock) -> Response:
    """Hold every line or none; repeated, it answers what the order holds, whatever the body says."""
    wanted = await read_body(request, _reservation)
    lines = wanted.wanted()
    if len({line.product_id for line in lines}) < len(lines):
        raise InvalidInput(errors=[FieldError("body.lines", "a product may be in one line only")])
    reservation = await use_cases(request).reserve_stock(order_id, lines, wanted.not_after_ms)
    return JsonResponse(reservation_view(reservation, request.app.state.currency))


@router.delete(
    "/reservations/{order_id}",
    operation_id="release_stock",
    summary="Give an order's stock back",
    response_model=ReservationEndView,
    responses=problem_responses(*_SERVICE, ReservationShipped),
)
@for_services(MayReserveStock)
async def release_stock(request: Request, order_id: OrderIdInPath, _service: MayReserveStock) -> Response:
    """Make what the order holds available again and refuse it from then on; safe to repeat."""
    reservation = await use_cases(request).release_stock(order_id)
    return JsonResponse(ReservationEndView(order_id, reservation.state))


@router.post(
    "/reservations/{order_id}/ship",
    operation_id="ship_stock",
    summary="Sell what an order holds",
    response_model=ReservationEndView,
    responses=problem_responses(*_SERVICE, ReservationReleased),
)
@for_services(MayReserveStock)
async def ship_stock(request: Request, order_id: OrderIdInPath, _service: MayReserveStock) -> Response:
    """Turn the order's holds into sold units; safe to repeat."""
    reservation = await use_cases(request).ship_stock(order_id)
    return JsonResponse(ReservationEndView(order_id, reservation.state))


@router.get(
    "/products/changes",
    operation_id="list_changed_products",
    summary="Which products changed lately",
    response_model=ChangesView,
    responses=problem_responses(*_SERVICE),
)
@for_services(MayLookUpProducts)
async def list_changed_products(request: Request, _service: MayLookUpProducts, after: After = "") -> Response:
    """Return the products that changed since the positions in `after`; not complete: any may have."""
    seen = dict(positions_of(request.query_params.get("after", after)))
    return JsonResponse(changes_view(use_cases(request).list_changes(seen)))


@router.post(
    "/products/lookup",
    operation_id="lookup_products",
    summary="Find products by id",
    response_model=FoundProductsView,
    responses=problem_responses(*_SERVICE),
    openapi_extra=struct_body(LookupIn),
)
@for_services(MayLookUpProducts)
async def lookup_products(request: Request, _service: MayLookUpProducts) -> Response:
    """Return those of the products that exist, in no particular order."""
    wanted = await read_body(request, _lookup)
    found = await use_cases(request).lookup_products(wanted.ids)
    return JsonResponse(found_products_view(found, request.app.state.currency))
