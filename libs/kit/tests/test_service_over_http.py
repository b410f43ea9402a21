import asyncio
import io
from collections.abc import AsyncIterator

import aiohttp
import pytest
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict
from store_kit.access.tokens import Admin, CurrentUser, MayNotify, OptionalUser
from store_kit.deadline import remaining_s
from store_kit.http.openapi import SchemaClash, public_openapi
from store_kit.http.responses import JsonResponse
from store_kit.problems import NotFound
from store_kit.running.server import PortInUse, Runner, bind
from store_kit.running.service import Service, build_service
from store_kit.settings import StoreSettings
from store_kit.telemetry.metrics import Metrics
from store_kit.workers import Worker

from tests.support.clock import ManualClock
from tests.support.services import TestIssuer, free_port, serve_service

pytestmark = pytest.mark.anyio
router = APIRouter()


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    amount: int


@router.get("/api/me")
async def me(user: CurrentUser) -> JsonResponse:
    return JsonResponse({"subject": user.subject})


@router.get("/api/maybe")
async def maybe(user: OptionalUser) -> JsonResponse:
    return JsonResponse({"subject": user.subject if user else None})


@router.get("/api/admin")
async def admin(user: Admin) -> JsonResponse:
    return JsonResponse({"admin": user.is_admin})


@router.get("/internal/peer")
async def peer(caller: MayNotify) -> JsonResponse:
    return JsonResponse({"client": caller.client})


@router.get("/api/things/{number}")
async def thing(number: int) -> JsonResponse:
    raise NotFound(f"no thing {number}")


@router.get("/api/broken")
async def broken() -> JsonResponse:
    raise RuntimeError("a fault")


@router.get("/api/budget")
async def budget() -> JsonResponse:
    return JsonResponse({"left": remaining_s(0)})


@router.post("/api/things")
async def make(body: Body) -> JsonResponse:
    return JsonResponse({"amount": body.amount})


@router.get("/api/slow")
async def slow(request: Request) -> JsonResponse:
    await request.app.state.api.wait()
    return JsonResponse({"done": True})


async def broken_dependency() -> None:
    raise ConnectionError("down")


BOOM = -1
SETTINGS = StoreSettings()
ISSUER = TestIssuer(SETTINGS)


def service(**more: object) -> Service:
    parts: dict[str, object] = {"routers": [router]} | more
    return build_service(
        name="test",
        port=0,
        settings=SETTINGS,
        metrics=Metrics("test"),
        verifier=ISSUER.verifier(),
        **parts,  # type: ignore[arg-type]  # a test passes what it needs
    )


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with serve_service(service()) as session:
        yield session


async def ask(
    client: aiohttp.ClientSession, method: str, path: str, **how: object
) -> tuple[int, dict[str, object]]:
    async with client.request(method, path, **how) as response:  # type: ignore[arg-type]  # as above
        return response.status, await response.json(content_type=None)


@pytest.mark.parametrize(
    ("path", "role", "status"),
    [
        ("/api/me", None, 401),
        ("/api/me", "customer", 200),
        ("/api/me", "admin", 200),
        ("/api/me", "service", 403),
        ("/api/maybe", None, 200),
        ("/api/admin", None, 401),
        ("/api/admin", "customer", 403),
        ("/api/admin", "admin", 200),
        ("/api/admin", "service", 403),
        ("/internal/peer", None, 401),
        ("/internal/peer", "admin", 403),
        ("/internal/peer", "service", 200),
    ],
)
async def test_roles(client: aiohttp.ClientSession, path: str, role: str | None, status: int) -> None:
    """Each kind of route lets in whom it should, and nobody else."""
    headers = ISSUER.headers("service:cart" if role == "service" else "u1", [role]) if role else {}
    assert (await ask(client, "GET", path, headers=headers))[0] == status


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer x", "Basic dTpw", "Bearer " + "x" * 5000, "bearer a.b.c"]
)
async def test_bad_token_is_refused_even_where_none_is_needed(
    client: aiohttp.ClientSession, header: str
) -> None:
    """A token that is not valid is never taken for anonymous."""
    status, problem = await ask(client, "GET", "/api/maybe", headers={"Authorization": header})
    assert (status, problem["type"]) == (401, "/docs/problems/#unauthenticated")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "slug"),
    [
        ("GET", "/api/things/7", None, 404, "not-found"),
        ("GET", "/api/things/x", None, 422, "invalid-input"),
        ("GET", "/nowhere", None, 404, "not-found"),
        ("PUT", "/api/things", b"{}", 405, "method-not-allowed"),
        ("POST", "/api/things", b"{", 400, "bad-request"),
        ("POST", "/api/things", b'{"amount":1,"more":2}', 422, "invalid-input"),
        ("POST", "/api/things", b'{"amount":"1"}', 422, "invalid-input"),
        ("POST", "/api/things", b"x" * 2_000_000, 413, "payload-too-large"),
        ("GET", "/api/broken", None, 500, "internal-error"),
    ],
)
async def test_every_error_is_a_problem_document(
    client: aiohttp.ClientSession, method: str, path: str, body: bytes | None, status: int, slug: str
) -> None:
    """Whatever goes wrong is answered as a problem with a trace id, without a stack trace."""
    headers = {"Content-Type": "application/json"}
    async with client.request(method, path, data=body and io.BytesIO(body), headers=headers) as response:
        problem = await response.json(content_type="application/problem+json")
        assert (response.status, problem["type"]) == (status, f"/docs/problems/#{slug}")
        assert problem["trace_id"] == response.headers["X-Trace-Id"]
        assert "Traceback" not in str(problem)


async def test_chunked_body_is_limited_too(client: aiohttp.ClientSession) -> None:
    """A body that does not say its size is counted as it comes."""

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 65536

    async with client.post(
        "/api/things", data=endless(), headers={"Content-Type": "application/json"}
    ) as response:
        assert response.status == 413


async def test_trace_and_budget_are_taken_from_the_caller(client: aiohttp.ClientSession) -> None:
    """A caller's trace id goes on, and its time budget can only shorten ours."""
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-01", "Store-Timeout-Ms": "1500"}
    async with client.get("/api/budget", headers=headers) as response:
        assert response.headers["X-Trace-Id"] == trace
        assert 0 < (await response.json())["left"] <= 1.5
    async with client.get(
        "/api/budget", headers={"Store-Timeout-Ms": "999999999", "traceparent": "junk"}
    ) as response:
        assert (await response.json())["left"] <= SETTINGS.request_timeout_s
        assert len(response.headers["X-Trace-Id"]) == 32


async def test_metrics_name_the_template_and_never_the_path(client: aiohttp.ClientSession) -> None:
    """Requests are counted by route template, method and status; unknown paths share one series."""
    for path in ("/api/things/1", "/api/things/2", "/api/secret-path", "/api/broken"):
        await ask(client, "GET", path)
    async with client.get("/metrics") as response:
        text = await response.text()
    assert 'http_requests_total{handler="/api/things/{number}",method="GET",status="404"} 2.0' in text
    assert 'http_requests_total{handler="/api/broken",method="GET",status="500"} 1.0' in text
    assert 'http_requests_total{handler="none",method="GET",status="404"} 1.0' in text
    assert 'http_request_duration_seconds_bucket{handler="/api/things/{number}",le="0.5"' in text
    assert "secret-path" not in text


async def test_durations_lead_to_a_trace(client: aiohttp.ClientSession) -> None:
    """Who accepts OpenMetrics, as Prometheus does, gets the trace of a request beside the bucket it fell into."""
    async with client.get("/api/things/1") as response:
        trace = response.headers["X-Trace-Id"]
    openmetrics = {
        "Accept": "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2"
    }
    async with client.get("/metrics", headers=openmetrics) as response:
        assert response.content_type == "application/openmetrics-text"
        text = await response.text()
    assert f'# {{trace_id="{trace}"}}' in text
    assert "_created" not in text


async def test_health_tells_what_is_broken() -> None:
    """A dependency that fails makes the service not ready, while it stays alive."""
    async with serve_service(service(checks={"database": broken_dependency})) as client:
        assert (await ask(client, "GET", "/health/live"))[0] == 200
        status, body = await ask(client, "GET", "/health/ready")
        assert (status, body["status"]) == (503, "degraded")
        assert body["dependencies"] == {"database": {"status": "down", "error": "ConnectionError"}}


async def test_request_in_flight_finishes_when_the_service_stops() -> None:
    """Stopping waits for the request in hand and answers it."""
    gate = asyncio.Event()
    begun = asyncio.Event()

    class UseCases:
        async def wait(self) -> None:
            begun.set()
            await gate.wait()

    slow_service = service(api=UseCases())
    slow_service.port = free_port()
    runner = Runner([slow_service])
    await runner.start()
    async with aiohttp.ClientSession(slow_service.url) as client:
        asking = asyncio.create_task(ask(client, "GET", "/api/slow"))
        await begun.wait()
        stopping = asyncio.create_task(runner.stop())
        await asyncio.sleep(0)
        gate.set()
        assert await asking == (200, {"done": True})
        await stopping


async def test_failed_start_closes_what_was_opened() -> None:
    """When one part cannot open, the parts before it are closed and the error is told."""
    closed: list[str] = []

    class Good:
        async def open(self) -> None: ...

        async def close(self) -> None:
            closed.append("good")

    class Bad(Good):
        async def open(self) -> None:
            raise ConnectionError("no database")

    with pytest.raises(ConnectionError):
        await service(resources=[Good(), Bad()]).start()
    assert closed == ["good"]


def test_taken_port_is_named() -> None:
    """A port in use is an error that names it."""
    with bind("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=f"Port {port} on 127.0.0.1 cannot be used"):
            bind("127.0.0.1", port)


async def test_port_that_another_was_faster_to_listen_on_is_named() -> None:
    """Two that bound a port before either listened: the second does not start, rather than be up without a port."""
    first, second = service(), service()
    first.port = second.port = free_port()
    runners = Runner([first]), Runner([second])
    await runners[0].start()
    try:
        with pytest.raises(PortInUse, match=f"Port {first.port} on 127.0.0.1 cannot be used"):
            await runners[1].start()
    finally:
        for runner in runners:
            await runner.stop()


async def test_worker_repeats_waits_and_survives_a_failing_step() -> None:
    """A worker goes on while there is work, waits when there is none, wakes when nudged, outlives an error."""
    clock = ManualClock()
    found = iter([2, 1, 0, BOOM, 0, 0])
    steps: list[int] = []
    waiting = asyncio.Event()

    async def step() -> int:
        outcome = next(found)
        steps.append(outcome)
        if outcome == BOOM:
            waiting.set()
            raise RuntimeError("boom")
        if outcome == 0:
            waiting.set()
        return outcome

    metrics = Metrics("test")
    worker = Worker("test", step, 10, clock)
    worker.start(metrics)
    await waiting.wait()
    assert steps == [2, 1, 0]
    waiting.clear()
    worker.nudge()
    await waiting.wait()
    assert b'store_worker_errors_total{worker="test"} 1.0' in metrics.exposition()[0]
    waiting.clear()
    while not waiting.is_set():
        clock.advance(10)
        await asyncio.sleep(0)
    await worker.stop()
    assert len(steps) >= 5


async def test_a_worker_pauses_after_less_than_a_full_step() -> None:
    """After less than a full step there is no more: what comes during the pause is done together."""
    clock, found = ManualClock(), iter([3, 3, 2, 0])
    steps: list[int] = []
    ran = asyncio.Event()

    async def step() -> int:
        steps.append(next(found))
        if steps[-1] < 3:
            ran.set()
        return steps[-1]

    worker = Worker("test", step, 10, clock, at_once=3)
    worker.start()
    await ran.wait()
    for _ in range(10):
        await asyncio.sleep(0)
    assert steps == [3, 3, 2]
    ran.clear()
    clock.advance(10)
    await ran.wait()
    await worker.stop()
    assert steps == [3, 3, 2, 0]


async def test_a_worker_ends_when_what_its_steps_left_under_way_has() -> None:
    """Peers in the same process still listen then."""
    clock, ended = ManualClock(), asyncio.Event()

    async def step() -> int:
        return 0

    async def finish() -> int:
        await ended.wait()
        return 0

    worker = Worker("test", step, 10, clock, finish=finish)
    worker.start()
    stop = asyncio.create_task(worker.stop())
    for _ in range(10):
        await asyncio.sleep(0)
    assert not stop.done()
    ended.set()
    await stop


async def test_public_document_leaves_out_what_is_internal() -> None:
    """The merged API document has public routes only, every one with our problems."""
    document = public_openapi([service().app], title="t", version="1", description="d")
    assert "/api/me" in document["paths"]
    assert not [path for path in document["paths"] if not path.startswith("/api/")]
    operation = document["paths"]["/api/things"]["post"]
    assert operation["responses"]["default"]["content"]["application/problem+json"]
    assert "HTTPValidationError" not in str(document)
    assert set(document["components"]["schemas"]) == {"Body", "Problem"}
    other = APIRouter()

    @other.post("/api/other")
    async def clash(body: dict[str, int]) -> JsonResponse:
        return JsonResponse(body)

    second = service(routers=[other]).app
    second.openapi()
    assert second.openapi_schema is not None
    second.openapi_schema.setdefault("components", {}).setdefault("schemas", {})["Body"] = {"type": "integer"}
    with pytest.raises(SchemaClash, match=r"schemas\.Body"):
        public_openapi([service().app, second], title="t", version="1", description="d")
