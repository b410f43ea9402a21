"""What other services of the shop ask of the catalogue; the gateway does not show these routes."""

from fastapi import APIRouter, Request
from starlette.responses import Response
from store_kit.access.tokens import MayLookUpProducts, MayReserveStock
from store_kit.http import BareRoute, JsonResponse, struct_body
from store_kit.problems import (
    BadRequest,
    Forbidden,
    InvalidInput,
    Unauthenticated,
    problem_responses,
)

from store_catalog.api.parameters import (
    After,
    LookupBody,
    LookupIn,
    OrderIdInPath,
    ReservationBody,
    ReservationIn,
    ShipmentsBody,
    ShipmentsIn,
    api,
    positions_of,
)
from store_catalog.api.views import (
    ChangesView,
    FoundProductsView,
    ReservationEndView,
    ReservationView,
    ShipmentsView,
)
from store_catalog.problems import (
    InsufficientStock,
    ReservationExpired,
    ReservationReleased,
    ReservationShipped,
)

bare = APIRouter(prefix="/internal", tags=["internal"], route_class=BareRoute)
_SERVICE = (BadRequest, Unauthenticated, Forbidden, InvalidInput)


@bare.put(
    "/reservations/{order_id}",
    operation_id="reserve_stock",
    summary="Hold stock for an order",
    response_model=ReservationView,
    responses=problem_responses(
        *_SERVICE, InsufficientStock, ReservationReleased, ReservationShipped, ReservationExpired
    ),
    openapi_extra=struct_body(ReservationIn),
)
async def reserve_stock(
    request: Request, order_id: OrderIdInPath, wanted: ReservationBody, _service: MayReserveStock
) -> Response:
    """Hold every line or none; repeated, it answers what the order holds, whatever the body says."""
    reservation = await api(request).use_cases.reserve_stock(order_id, wanted.wanted(), wanted.not_after_ms)
    return JsonResponse(ReservationView.of(reservation, api(request).currency))


@bare.delete(
    "/reservations/{order_id}",
    operation_id="release_stock",
    summary="Give an order's stock back",
    response_model=ReservationEndView,
    responses=problem_responses(*_SERVICE, ReservationShipped),
)
async def release_stock(request: Request, order_id: OrderIdInPath, _service: MayReserveStock) -> Response:
    """Make what the order holds available again and refuse it from then on; safe to repeat."""
    reservation = await api(request).use_cases.release_stock(order_id)
    return JsonResponse(ReservationEndView.of(reservation))


@bare.post(
    "/shipments",
    operation_id="ship_stock",
    summary="Sell what orders hold",
    response_model=ShipmentsView,
    responses=problem_responses(*_SERVICE),
    openapi_extra=struct_body(ShipmentsIn),
)
async def ship_stock(request: Request, wanted: ShipmentsBody, _service: MayReserveStock) -> Response:
    """Turn the holds of each order into sold units; one that holds nothing is answered as RELEASED; safe to repeat."""
    return JsonResponse(ShipmentsView.of(await api(request).use_cases.ship_stock(wanted.order_ids)))


@bare.get(
    "/products/changes",
    operation_id="list_changed_products",
    summary="Which products changed lately",
    response_model=ChangesView,
    responses=problem_responses(*_SERVICE),
)
async def list_changed_products(request: Request, _service: MayLookUpProducts, after: After = "") -> Response:
    """Return the products that changed since the positions in `after`; not complete: any may have."""
    return JsonResponse(ChangesView.of(api(request).use_cases.list_changes(positions_of(after))))


@bare.post(
    "/products/lookup",
    operation_id="lookup_products",
    summary="Find products by id",
    response_model=FoundProductsView,
    responses=problem_responses(*_SERVICE),
    openapi_extra=struct_body(LookupIn),
)
async def lookup_products(request: Request, wanted: LookupBody, _service: MayLookUpProducts) -> Response:
    """Return those of the products that exist, in no particular order."""
    found = await api(request).use_cases.lookup_products(wanted.ids)
    return JsonResponse(FoundProductsView.of(found, api(request).currency))
