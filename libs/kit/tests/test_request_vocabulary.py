"""The vocabulary of requests, on a bare route and on one of FastAPI's."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Annotated, Any

import aiohttp
import pytest
from fastapi import APIRouter, Path, Request
from pydantic import Field
from starlette.responses import Response
from store_kit.http.bare_routes import BareRoute
from store_kit.http.openapi import REQUIRED
from store_kit.http.parameters import (
    Cursor,
    Digits,
    IdempotencyKey,
    IfMatch,
    Limit,
    OpaqueId,
    StrictBody,
    Uuid,
    Whole,
)
from store_kit.http.responses import JsonResponse
from store_kit.http.state import draining, state_of
from store_kit.running.service import Service, build_service
from store_kit.settings import StoreSettings
from store_kit.telemetry.metrics import Metrics

from tests.support.services import TestIssuer, serve_service

pytestmark = pytest.mark.anyio

UPPER = "01936C7E-5B7A-7C3E-9F20-3D1F0A9B4C5D"


@dataclass(frozen=True)
class Api:
    shop: str


api = state_of(Api)


class Item(StrictBody):
    product_id: Annotated[Uuid, Field(description="The product's id.")]
    quantity: Annotated[int, Field(ge=1, le=9), Whole]


async def put(
    request: Request,
    thing: Annotated[Uuid, Path(description="The thing's id.")],
    owner: Annotated[OpaqueId, Path(description="Somebody's id.")],
    body: Item,
    limit: Annotated[Limit, Digits, Field(description="Things on a page.")] = 20,
    cursor: Cursor = None,
    if_match: Annotated[IfMatch, Field(description="The ETag.", json_schema_extra=REQUIRED)] = None,
    key: Annotated[IdempotencyKey, Field(description="Your key.")] = None,
) -> Response:
    assert not draining(request).is_set()
    shown = [api(request).shop, thing, owner, body.product_id, body.quantity, limit, cursor, if_match, key]
    return JsonResponse(shown)


@pytest.fixture
def service(tmp_path: FilePath) -> Service:
    settings = StoreSettings(data_dir=tmp_path)
    routers = [APIRouter(prefix="/bare", route_class=BareRoute), APIRouter(prefix="/plain")]
    for router in routers:
        router.put("/{thing}/{owner}")(put)
    return build_service(
        name="words",
        port=0,
        settings=settings,
        metrics=Metrics("words"),
        verifier=TestIssuer(settings).verifier(),
        api=Api("ours"),
        routers=routers,
    )


@pytest.fixture
async def client(service: Service) -> AsyncIterator[aiohttp.ClientSession]:
    async with serve_service(service) as running:
        yield running


@pytest.mark.parametrize("kind", ["bare", "plain"])
async def test_every_word_is_read(client: aiohttp.ClientSession, kind: str) -> None:
    """Ids come in our spelling, 2.0 is 2, and a key may have 255 characters."""
    key = "k" * 255
    async with client.put(
        f"/{kind}/{UPPER}/a_-9?limit=5&cursor=c",
        json={"product_id": UPPER, "quantity": 2.0},
        headers={"If-Match": '"1"', "Idempotency-Key": key},
    ) as answer:
        assert await answer.json() == ["ours", UPPER.lower(), "a_-9", UPPER.lower(), 2, 5, "c", '"1"', key]


@pytest.mark.parametrize("kind", ["bare", "plain"])
@pytest.mark.parametrize(
    ("path", "body", "headers", "field"),
    [
        (f"{UPPER}0/a", {}, {}, "path.thing"),
        (f"{UPPER}/a.b", {}, {}, "path.owner"),
        (f"{UPPER}/{'a' * 65}", {}, {}, "path.owner"),
        (f"{UPPER}/a?limit=0", {}, {}, "query.limit"),
        (f"{UPPER}/a?limit=101", {}, {}, "query.limit"),
        (f"{UPPER}/a?limit=%2B5", {}, {}, "query.limit"),
        (f"{UPPER}/a?cursor={'c' * 2049}", {}, {}, "query.cursor"),
        (f"{UPPER}/a", {"quantity": 2.5}, {}, "body.quantity"),
        (f"{UPPER}/a", {"product_id": "x"}, {}, "body.product_id"),
        (f"{UPPER}/a", {"more": 1}, {}, "body.more"),
        (f"{UPPER}/a", {}, {"Idempotency-Key": "k" * 256}, "header.Idempotency-Key"),
        (f"{UPPER}/a", {}, {"Idempotency-Key": ""}, "header.Idempotency-Key"),
    ],
)
async def test_what_is_not_valid_is_named(
    client: aiohttp.ClientSession,
    kind: str,
    path: str,
    body: dict[str, Any],
    headers: dict[str, str],
    field: str,
) -> None:
    """By where it was sent."""
    sent = {"product_id": UPPER, "quantity": 1} | body
    async with client.put(f"/{kind}/{path}", json=sent, headers=headers) as answer:
        document = await answer.json()
        assert (answer.status, [error["field"] for error in document["errors"]]) == (422, [field])


async def test_a_route_says_what_it_means_by_a_word(service: Service) -> None:
    """Bounds come from the vocabulary, the description from the route."""
    documented = service.app.openapi()["paths"]["/bare/{thing}/{owner}"]["put"]["parameters"]
    found = {one["name"]: (one["description"], one["schema"]) for one in documented}
    assert found["limit"][0] == "Things on a page."
    assert (found["limit"][1]["minimum"], found["limit"][1]["maximum"]) == (1, 100)
    assert found["If-Match"][0] == "The ETag."
    assert found["If-Match"][1]["x-required"] is True
    assert found["Idempotency-Key"][1]["anyOf"][0] == {
        "type": "string",
        "minLength": 1,
        "maxLength": 255,
        "pattern": "^[!-~]+$",
    }
    assert found["thing"][0] == "The thing's id."
