"""Products: the resource an administrator edits and everybody reads."""

from fastapi import APIRouter, Request
from starlette.responses import Response
from store_kit.access.tokens import Admin
from store_kit.http import PUBLIC, BareRoute, JsonResponse, not_modified, up_to
from store_kit.problems import (
    BadRequest,
    Forbidden,
    InvalidInput,
    PreconditionRequired,
    Unauthenticated,
    problem_responses,
)

from store_catalog.api.parameters import (
    MAX_PRODUCT_BYTES,
    Api,
    IfMatch,
    NewProductIn,
    ProductDetailsIn,
    ProductIdInPath,
    ProductPatchIn,
    api,
    required_versions,
)
from store_catalog.api.views import ProductView, product_etag
from store_catalog.domain import Product
from store_catalog.problems import ProductChanged, ProductNotFound, SkuTaken

bare = APIRouter(prefix="/api/products", tags=["products"], route_class=BareRoute)
router = APIRouter(prefix="/api/products", tags=["products"])

_ADMIN = (BadRequest, Unauthenticated, Forbidden, InvalidInput)
_EDIT = (*_ADMIN, ProductNotFound, ProductChanged, PreconditionRequired)


def _shown(shop: Api, product: Product, status: int = 200, **headers: str) -> Response:
    view = ProductView.of(product, shop.currency)
    return JsonResponse(view, status, {"ETag": product_etag(product), **PUBLIC, **headers})


@bare.get(
    "/{product_id}",
    operation_id="get_product",
    summary="Show a product",
    response_model=ProductView,
    responses={
        **problem_responses(ProductNotFound),
        304: {"description": "You have this version (If-None-Match)."},
    },
)
async def get_product(request: Request, product_id: ProductIdInPath) -> Response:
    """Return a product with what is available of it at this moment."""
    shop = api(request)
    product = await shop.use_cases.get_product(product_id)
    return not_modified(request, product_etag(product), PUBLIC) or _shown(shop, product)


@router.post(
    "",
    operation_id="add_product",
    summary="Add a product",
    status_code=201,
    response_model=ProductView,
    responses=problem_responses(*_ADMIN, SkuTaken),
    openapi_extra=up_to(MAX_PRODUCT_BYTES),
)
async def add_product(request: Request, body: NewProductIn, _admin: Admin) -> Response:
    """Add a product with the units that came with it; lists and search show it at once."""
    product = await api(request).use_cases.add_product(body.product())
    return _shown(api(request), product, 201, Location=f"/api/products/{product.id}")


@router.put(
    "/{product_id}",
    operation_id="replace_product",
    summary="Edit a product",
    response_model=ProductView,
    responses=problem_responses(*_EDIT, SkuTaken),
    openapi_extra=up_to(MAX_PRODUCT_BYTES),
)
async def replace_product(
    request: Request,
    product_id: ProductIdInPath,
    body: ProductDetailsIn,
    _admin: Admin,
    if_match: IfMatch = None,
) -> Response:
    """Replace everything an administrator decides about a product; its stock is adjusted elsewhere."""
    versions = required_versions(if_match)
    return _shown(
        api(request), await api(request).use_cases.replace_product(product_id, body.details(), versions)
    )


@router.patch(
    "/{product_id}",
    operation_id="patch_product",
    summary="Edit some of a product",
    response_model=ProductView,
    responses=problem_responses(*_EDIT, SkuTaken),
    openapi_extra=up_to(MAX_PRODUCT_BYTES),
)
async def patch_product(
    request: Request,
    product_id: ProductIdInPath,
    body: ProductPatchIn,
    _admin: Admin,
    if_match: IfMatch = None,
) -> Response:
    """Change what is named in the body; `"sku": null` takes the SKU away."""
    versions = required_versions(if_match)
    return _shown(
        api(request), await api(request).use_cases.patch_product(product_id, body.changes(), versions)
    )


@router.delete(
    "/{product_id}",
    operation_id="delete_product",
    summary="Delete a product",
    status_code=204,
    responses=problem_responses(*_EDIT),
)
async def delete_product(
    request: Request, product_id: ProductIdInPath, _admin: Admin, if_match: IfMatch = None
) -> Response:
    """Take a product out of the catalogue. Orders that hold it are not touched; its history stays."""
    await api(request).use_cases.delete_product(product_id, required_versions(if_match))
    return Response(status_code=204)
