"""A bare route reads its arguments as FastAPI reads them for a route with the same signature."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

import aiohttp
import msgspec
import pytest
from fastapi import APIRouter, BackgroundTasks, Cookie, Depends, Header, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response
from store_kit.access.tokens import CurrentUser, OptionalUser
from store_kit.http.bare_routes import BareRoute
from store_kit.http.bodies import StructBody
from store_kit.http.responses import JsonResponse
from store_kit.problems import BadRequest
from store_kit.running.service import build_service
from store_kit.settings import StoreSettings
from store_kit.telemetry.metrics import Metrics

from tests.support.services import TestIssuer, serve_service

pytestmark = pytest.mark.anyio

Method = Literal["get", "post", "put"]
JSON = {"Content-Type": "application/json"}
WORDS = {
    "a valid list": "a valid array",
    "a valid dictionary or object to extract fields from": "an object",
}
"""FastAPI hands pydantic what it has parsed, a bare route the JSON itself: the words are those of Python or of JSON."""


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, Field(min_length=1, max_length=8)]
    quantity: Annotated[int, Field(ge=1, le=9)] = 1


class Lines(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    lines: Annotated[list[Line], Field(max_length=25)]


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    ids: Annotated[list[Annotated[str, msgspec.Meta(max_length=4)]], msgspec.Meta(max_length=3)]


Id = Annotated[str, Path(pattern=r"^[a-z]{1,4}$")]
Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=8, pattern=r"^[!-~]+$")]
welcomed: list[str] = []


@dataclass(frozen=True)
class Guest:
    name: str


async def _guest(request: Request, user: OptionalUser, guest_id: Annotated[str, Header()] = "new") -> Guest:
    if guest_id == "bad":
        raise BadRequest("The guest is not known.")
    welcomed.append(request.url.path)
    return Guest(user.subject if user else guest_id)


def _shout(guest: Annotated[Guest, Depends(_guest)]) -> str:
    return guest.name.upper()


WritingGuest = Annotated[Guest, Depends(_guest)]


async def show(
    request: Request,
    thing: Id,
    number: Annotated[int, Path(ge=0, le=99)],
    page_size: Annotated[int, Query(ge=1, le=100)] = 20,
    colour: Annotated[Colour | None, Query(alias="color")] = None,
    last_event_id: Annotated[str | None, Header(max_length=4)] = None,
) -> Response:
    assert request.method == "GET"
    return JsonResponse([thing, number, page_size, colour, last_event_id])


async def add(
    user: OptionalUser,
    body: Line,
    guest: WritingGuest,
    loud: Annotated[str, Depends(_shout)],
    key: Key = None,
) -> Response:
    return JsonResponse([user and user.subject, body.model_dump(), guest.name, loud, key])


async def replace(thing: Id, user: CurrentUser, body: Lines | None = None, key: Key = None) -> Response:
    return JsonResponse([thing, user.subject, body and body.model_dump(), key])


async def find(_user: CurrentUser, body: Annotated[Wanted, Depends(StructBody(Wanted))]) -> Response:
    return JsonResponse(body)


async def need(required: Annotated[str, Query()], x_also: Annotated[int, Header()]) -> Response:
    return JsonResponse([required, x_also])


def _router(prefix: str, **options: Any) -> APIRouter:
    router = APIRouter(prefix=prefix, **options)
    router.get("/things/{thing}/{number}")(show)
    router.post("/things")(add)
    router.put("/things/{thing}")(replace)
    router.post("/found")(find)
    router.get("/needed")(need)
    return router


@dataclass(frozen=True)
class Served:
    client: aiohttp.ClientSession
    token: Mapping[str, str]

    async def both(
        self, method: Method, path: str, body: Any, headers: Mapping[str, str], *, signed_in: bool
    ) -> tuple[tuple[int, Any], tuple[int, Any]]:
        """Return what the bare route and the one of FastAPI answer."""
        headers = {**headers, **(self.token if signed_in else {})}
        found = []
        for prefix in ("/bare", "/plain"):
            async with self.client.request(method, prefix + path, data=body, headers=headers) as answer:
                found.append((answer.status, _comparable(await answer.json())))
        return found[0], found[1]


def _comparable(document: Any) -> Any:
    if not isinstance(document, dict) or "trace_id" not in document:
        return document
    errors = sorted((e["field"], _in_words_of_json(e["message"])) for e in document.get("errors", ()))
    return document["type"], document["detail"], errors


def _in_words_of_json(message: str) -> str:
    for python, json in WORDS.items():
        message = message.replace(python, json)
    return message


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    folder: FilePath = tmp_path_factory.mktemp("arguments")
    settings = StoreSettings(data_dir=folder)
    issuer = TestIssuer(settings)
    service = build_service(
        name="arguments",
        port=0,
        settings=settings,
        metrics=Metrics("arguments"),
        verifier=issuer.verifier(),
        routers=[_router("/bare", route_class=BareRoute), _router("/plain")],
    )
    async with serve_service(service) as client:
        yield Served(client, issuer.headers("ann"))


PATHS = ["ab/1", "ab/99", "ab/100", "ab/-1", "ab/x", "AB/1", "abcde/1", "ab%0A/1", "%C3%A9/1", "A/x"]
QUERIES = [
    "", "?page_size=1", "?page_size=0", "?page_size=x", "?page_size=", "?color=red", "?color=green",
    "?page_size=5&page_size=6", "?page_size=0&color=green", "?colour=red", "?page_size=%31", "?color=",
    "?&&color=blue&",
]  # fmt: skip
HEADERS: list[dict[str, str]] = [
    {}, {"Last-Event-ID": "1"}, {"last-event-id": "abcd"}, {"Last-Event-ID": "abcde"}, {"Last-Event-ID": ""},
    {"last_event_id": "x"},
]  # fmt: skip
BODIES: list[bytes] = [
    b"", b"null", b" null ", b"{}", b"[]", b"3", b'"a"', b'{"name":"a"}', b'{"name":""}', b'{"name":"a","quantity":0}',
    b'{"name":"a","quantity":"1"}', b'{"name":"a","quantity":2.5}', b'{"name":"a","more":1}',
    b'{"name":3,"quantity":10,"x":1,"y":2}',
    b'{"name":"a","quantity":null}', b'{"name":"\\u00e9"}',
]  # fmt: skip
LINES: list[bytes] = [
    b"", b"null", b"{}", b'{"lines":[]}', b'{"lines":[{"name":"a"}]}',
    b'{"lines":[{"name":"a"},{"name":""},{"quantity":0}]}',
    b'{"lines":{}}', b'{"lines":[null]}', b'{"lines":[' + b",".join([b'{"name":""}'] * 15) + b"]}",
    b'{"lines":[' + b",".join([b'{"name":"a"}'] * 26) + b"]}",
]  # fmt: skip
KEYS: list[dict[str, str]] = [
    {}, {"Idempotency-Key": "k"}, {"Idempotency-Key": "123456789"}, {"Idempotency-Key": "a b"}, {"Idempotency-Key": ""},
]  # fmt: skip
KINDS: list[dict[str, str]] = [JSON, {"Content-Type": "application/merge+json; charset=utf-8"}]
WRONG_KINDS: list[dict[str, str]] = [
    {"Content-Type": "text/plain"},
    {"Content-Type": "application/octet-stream"},
]


async def test_paths_queries_and_headers(served: Served) -> None:
    """Every combination is answered alike: same status, same fields at fault, same words."""
    for path in PATHS:
        for query in QUERIES:
            for headers in HEADERS:
                bare, plain = await served.both(
                    "get", f"/things/{path}{query}", None, headers, signed_in=False
                )
                assert bare == plain, (path, query, headers)


@pytest.mark.parametrize("signed_in", [True, False])
async def test_bodies_headers_and_dependencies(served: Served, *, signed_in: bool) -> None:
    """The same for a body that is needed, with dependencies on dependencies behind it."""
    for body in BODIES:
        for key in KEYS:
            for kind in KINDS if body != BODIES[0] else [*KINDS, *WRONG_KINDS]:
                bare, plain = await served.both("post", "/things", body, {**key, **kind}, signed_in=signed_in)
                assert bare == plain, (body, key, kind)


@pytest.mark.parametrize("signed_in", [True, False])
async def test_a_body_that_may_be_left_out(served: Served, *, signed_in: bool) -> None:
    """Nothing and null are the same; whoever is not signed in is told that first."""
    for body in LINES:
        for key in KEYS:
            for path in ("/things/ab", "/things/AB"):
                bare, plain = await served.both("put", path, body, {**key, **JSON}, signed_in=signed_in)
                assert bare == plain, (body, key, path)


async def test_what_is_needed_and_did_not_come(served: Served) -> None:
    """It is named."""
    for query in ("", "?required=", "?required=a"):
        for headers in ({}, {"X-Also": "1"}, {"X-Also": "x"}):
            bare, plain = await served.both("get", f"/needed{query}", None, headers, signed_in=False)
            assert bare == plain, (query, headers)


@pytest.mark.parametrize(
    "body", [b'{"ids":["a"]}', b'{"ids":[]}', b'{"ids":["abcde"]}', b'{"ids":3}', b"[]", b"{", b""]
)
@pytest.mark.parametrize("signed_in", [True, False])
async def test_a_body_that_is_a_struct(served: Served, body: bytes, *, signed_in: bool) -> None:
    """It is decoded in one pass, behind the check of who asks."""
    bare, plain = await served.both("post", "/found", body, JSON, signed_in=signed_in)
    assert bare == plain


@pytest.mark.parametrize("kind", WRONG_KINDS)
async def test_a_body_of_another_kind(served: Served, kind: dict[str, str]) -> None:
    """It is refused by what it says it is."""
    bare, plain = await served.both("post", "/things", b'{"name":"a"}', kind, signed_in=True)
    assert bare == plain
    assert bare[0] == 415


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"name":"a"', b"[" * 5000])
async def test_a_body_that_is_not_json(served: Served, body: bytes) -> None:
    """The same answer; where the fault is, each parser counts by itself."""
    bare, plain = await served.both("post", "/things", body, JSON, signed_in=True)
    assert bare[0] == plain[0] == 400
    assert bare[1][0] == plain[1][0]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [(b'{"name":""}', {}, 422), (b'{"name":"a"}', {"Idempotency-Key": "a b"}, 422), (b"{", {}, 400)],
)
async def test_a_refused_request_changes_nothing(
    served: Served, body: bytes, headers: dict[str, str], status: int
) -> None:
    """What depends on something that was sent is not reached, unless all of it is right."""
    welcomed.clear()
    async with served.client.post("/bare/things", data=body, headers={**JSON, **headers}) as answer:
        assert (answer.status, welcomed) == (status, [])
    async with served.client.post("/bare/things", data=b'{"name":"a"}', headers=JSON) as answer:
        assert (answer.status, welcomed) == (200, ["/bare/things"]), "once, though two arguments come of it"


async def test_a_dependency_may_refuse(served: Served) -> None:
    """Its problem is the answer."""
    headers = {**JSON, "Guest-Id": "bad"}
    bare, plain = await served.both("post", "/things", b'{"name":"a"}', headers, signed_in=False)
    assert bare == plain
    assert bare[0] == 400


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(Annotated[str, Cookie()], id="cookies"),
        pytest.param(Response, id="response"),
        pytest.param(BackgroundTasks, id="background tasks"),
    ],
)
async def test_what_bare_routes_do_not_offer_is_refused_at_import(asked: Any) -> None:
    """A signature that cannot be served is a fault of the program."""

    async def endpoint(asked: Any) -> None:
        """Never called."""

    endpoint.__annotations__["asked"] = asked
    with pytest.raises(TypeError, match="a bare route has no"):
        APIRouter(route_class=BareRoute).get("/")(endpoint)
