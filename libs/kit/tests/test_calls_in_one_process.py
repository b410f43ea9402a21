"""Services of one process call each other without a socket; what a socket would keep apart stays apart."""

import asyncio
import re
from contextvars import ContextVar

import pytest
from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from store_kit.client.client import ServiceClient
from store_kit.client.failures import PeerTimeout
from store_kit.client.metrics import PeerMetrics
from store_kit.deadline import remaining_s, start_budget
from store_kit.http.responses import JsonResponse
from store_kit.problems import DeadlineExceeded, OutcomeUnknown, PeerUnavailable
from store_kit.running.server import Runner
from store_kit.running.service import Service, build_service
from store_kit.settings import StoreSettings
from store_kit.telemetry.logs import trace_id_var
from store_kit.telemetry.metrics import Metrics
from store_kit.wire import neighbours

from tests.support.peers import Peers
from tests.support.services import TestIssuer, free_port
from tests.support.wait import until

pytestmark = pytest.mark.anyio
NO_TIME = 0.0
_private: ContextVar[str] = ContextVar("private", default="nothing")


@pytest.fixture
def peers() -> Peers:
    return Peers(one_process=True)


@pytest.fixture(params=["sockets", "one process"])
def either(request: pytest.FixtureRequest) -> Peers:
    return Peers(one_process=request.param == "one process")


class Held:
    """A peer that answers when it is let go, and notes how its requests ended."""

    def __init__(self) -> None:
        self.came = asyncio.Event()
        self.let_go = asyncio.Event()
        self.done: list[str] = []

    async def answer(self, request: Request) -> Response:
        self._request = request
        await request.body()
        self.came.set()
        await self.let_go.wait()
        self.done.append("left" if await self.caller_left() else "waits")
        return Response(b"done")

    async def caller_left(self) -> bool:
        """Whether the peer knows that nobody waits for its answer any more."""
        return await self._request.is_disconnected()


async def test_no_socket_is_used(peers: Peers) -> None:
    """A client that was never opened has no sockets; it reaches a neighbour all the same, and nobody else."""

    async def hello(_: Request) -> Response:
        return Response(b"hello")

    async with peers.peer(hello) as url:
        assert (await peers.made(url).call("GET", "/x")).body == b"hello"
        with pytest.raises(RuntimeError):
            await peers.made(url.replace("127.0.0.1", "localhost")).call("GET", "/x")


async def test_a_peer_is_reached_only_while_it_serves(peers: Peers) -> None:
    """Before its start and after its end it is not reachable, as when nothing listens on its port."""
    port = free_port()
    held = Held()
    held.let_go.set()
    async with peers.client(f"http://127.0.0.1:{port}") as calls:
        with pytest.raises(PeerUnavailable):
            await calls.call("POST", "/x")
        async with peers.peer(held.answer, port):
            assert (await calls.call("POST", "/x")).ok
        with pytest.raises(PeerUnavailable):
            await calls.call("POST", "/x")


async def test_request_looks_the_same(either: Peers) -> None:
    """Path, query, header fields and body arrive as they do over a socket."""

    async def echo(request: Request) -> Response:
        scope = request.scope
        heard = [request.method, scope["path"], scope["raw_path"].decode(), request.query_params["q"]]
        kept = ("content-type", "content-length", "host")
        return JsonResponse([*heard, *[request.headers.get(name) for name in kept], await request.json()])

    async with either.peer(echo) as url, either.client(url, peer_timeout_s=9) as calls:
        reply = await calls.call("PUT", "/x/a%20b/ü", body={"a": 1}, params={"q": "1 &2=ü+"})
    host = url.removeprefix("http://")
    path, raw = "/x/a b/ü", "/x/a%20b/%C3%BC"
    assert reply.json() == ["PUT", path, raw, "1 &2=ü+", "application/json", "7", host, {"a": 1}]


async def test_a_call_has_a_context_of_its_own(either: Peers) -> None:
    """Neither side sees what the other one sets; trace and budget travel in header fields."""
    seen: list[object] = []
    sent: list[dict[bytes, bytes]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.extend((_private.get(), trace_id_var.get(), remaining_s(NO_TIME)))
        _private.set("the peer's")
        trace_id_var.set("f" * 32)
        start_budget(-1)
        sent.append(dict(scope["headers"]))
        await Response()(scope, receive, send)

    async def calling(url: str) -> None:
        _private.set("the caller's")
        trace_id_var.set("a" * 32)
        start_budget(9)
        async with either.client(url, peer_timeout_s=9) as calls:
            await calls.call("GET", "/x")
        assert (_private.get(), trace_id_var.get()) == ("the caller's", "a" * 32)
        assert remaining_s(NO_TIME) > 0

    async with either.running(app) as url:
        await asyncio.create_task(calling(url))
    assert seen == ["nothing", "", NO_TIME]
    assert sent[0][b"traceparent"].startswith(b"00-" + b"a" * 32)
    assert 0 < int(sent[0][b"store-timeout-ms"]) <= 9000


@pytest.mark.parametrize("impatience", ["timeout", "cancelled"])
async def test_an_abandoned_request_is_served_to_its_end(either: Peers, impatience: str) -> None:
    """A caller who gives up is a client that hung up: what was begun is finished, and answered to nobody."""
    held = Held()
    async with either.peer(held.answer) as url, either.client(url, peer_timeout_s=1) as calls:
        call = asyncio.create_task(calls.call("POST", "/x"))
        await asyncio.wait_for(held.came.wait(), 5)
        if impatience == "cancelled":
            call.cancel()
        with pytest.raises((PeerTimeout, asyncio.CancelledError)):
            await call
        assert held.done == []
        await until(held.caller_left, "the peer sees that its caller has left")
        held.let_go.set()
        await until(lambda: held.done == ["left"], "the request is finished")


async def test_requests_in_hand_are_counted_and_waited_for(either: Peers) -> None:
    """A call between services takes a place in the lane `internal`, and a service ends when it has answered it."""
    held, metrics = Held(), Metrics("stub")

    def in_hand() -> int:
        found = re.search(rb'in_hand\{lane="internal",listener="stub"\} (\d)', metrics.exposition()[0])
        assert found
        return int(found[1])

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = await held.answer(Request(scope, receive))
        await response(scope, receive, send)

    running = either.running(app, metrics=metrics)
    async with either.client(await running.__aenter__(), peer_timeout_s=9) as calls:
        call = asyncio.create_task(calls.call("GET", "/internal/x"))
        await asyncio.wait_for(held.came.wait(), 5)
        assert in_hand() == 1
        ending = asyncio.create_task(running.__aexit__(None, None, None))
        await asyncio.sleep(0.05)
        assert not ending.done()
        held.let_go.set()
        assert (await call).body == b"done"
        await ending
        assert in_hand() == 0


class Broken(BaseException):
    """Something that no middleware catches."""


async def test_a_peer_that_breaks_off_leaves_the_outcome_unknown(
    either: Peers, caplog: pytest.LogCaptureFixture
) -> None:
    """Before an answer, in the middle of it, or without one."""

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["path"] != "/nothing":
            if scope["path"] == "/half":
                length = [(b"content-length", b"2")]
                await send({"type": "http.response.start", "status": 200, "headers": length})
                await send({"type": "http.response.body", "body": b"1", "more_body": True})
            raise Broken

    async with either.running(app) as url, either.client(url, peer_timeout_s=9, breaker_threshold=9) as calls:
        for path in ("/at-once", "/half", "/nothing"):
            with pytest.raises(OutcomeUnknown):
                await calls.call("POST", path)
    caplog.clear()


async def test_an_answer_in_pieces_is_put_together(either: Peers) -> None:
    """A streamed answer comes whole."""

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for piece in (b"a", b"b"):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"c"})

    async with either.running(app) as url, either.client(url, peer_timeout_s=9) as calls:
        assert (await calls.call("GET", "/x")).body == b"abc"


async def test_an_answer_without_end_is_not_kept(peers: Peers, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too large is given up like a connection that broke off, and the peer is told to stop."""
    monkeypatch.setattr(neighbours, "_LARGEST_ANSWER", 1000)
    stopped = asyncio.Event()

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(20):
            await send({"type": "http.response.body", "body": b"x" * 100, "more_body": True})
        assert (await receive())["type"] == "http.disconnect"
        stopped.set()

    async with peers.running(app) as url:
        with pytest.raises(OutcomeUnknown):
            await peers.made(url).call("POST", "/x")
        await asyncio.wait_for(stopped.wait(), 5)


async def test_a_whole_answer_has_the_same_bound(peers: Peers, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that comes at once is given up, too, when it is too large."""
    monkeypatch.setattr(neighbours, "_LARGEST_ANSWER", 1000)

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 1001})

    async with peers.running(app) as url:
        with pytest.raises(OutcomeUnknown):
            await peers.made(url).call("POST", "/x")


async def test_a_call_never_runs_in_the_step_of_its_caller(peers: Peers) -> None:
    """Whatever was ready comes first: a chain of calls does not hold the loop as one long step would."""
    order: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        order.append("peer")
        asyncio.get_running_loop().call_soon(order.append, "ready meanwhile")
        await Response()(scope, receive, send)

    async with peers.running(app) as url:
        calls = peers.made(url)
        asyncio.get_running_loop().call_soon(order.append, "ready before")
        await calls.call("GET", "/x")
        order.append("caller")
    assert order == ["ready before", "peer", "ready meanwhile", "caller"]


async def test_a_spent_budget_begins_nothing(peers: Peers) -> None:
    """The peer does not hear of a call that has no time left."""
    held = Held()

    async def late(url: str) -> None:
        start_budget(-1)
        with pytest.raises(DeadlineExceeded):
            await peers.made(url).call("POST", "/x")

    async with peers.peer(held.answer) as url:
        await asyncio.create_task(late(url))
    assert not held.came.is_set()


class Caller:
    """Two services of one shop: `front` asks `back`, which says over what it was asked."""

    def __init__(self) -> None:
        self.settings = StoreSettings(drain_timeout_s=1, peer_timeout_s=9, max_body_bytes=1024)
        self.ports = {name: free_port() for name in ("front", "back")}
        router = APIRouter()
        router.add_api_route("/internal/whence", self.whence, methods=["GET"])
        router.add_api_route("/internal/large", self.large, methods=["POST"])
        url = f"http://127.0.0.1:{self.ports['back']}"
        peers = PeerMetrics(Metrics("front"))
        self.client = ServiceClient("back", url, settings=self.settings, metrics=peers, tokens=None)
        self.back = self.service("back", router)
        self.front = self.service("front", APIRouter(), self.client)

    def service(self, name: str, router: APIRouter, *resources: ServiceClient) -> Service:
        return build_service(
            name=name,
            port=self.ports[name],
            settings=self.settings,
            metrics=Metrics(name),
            verifier=TestIssuer(self.settings).verifier(),
            routers=[router],
            resources=resources,
        )

    async def whence(self, request: Request) -> JsonResponse:
        assert request.client
        return JsonResponse(request.client.port)

    async def large(self, request: Request) -> JsonResponse:
        return JsonResponse(len(await request.body()))


@pytest.mark.parametrize("together", [True, False])
async def test_services_of_one_runner_are_neighbours(*, together: bool) -> None:
    """In one process no port of a client is seen; services that run apart are called over sockets."""
    shop = Caller()
    runners = [Runner([shop.back, shop.front])] if together else [Runner([shop.back]), Runner([shop.front])]
    for runner in runners:
        await runner.start()
    reply = await shop.client.call("GET", "/internal/whence")
    assert (reply.json() == 0) is together
    assert (await shop.client.call("GET", "/internal/nothing")).status == 404
    too_large = b"x" * (shop.settings.max_body_bytes + 1)
    assert (await shop.client.call("POST", "/internal/large", body=too_large)).status == 413
    served = b'http_requests_total{handler="/internal/whence",method="GET",status="200"} 1.0'
    assert served in shop.back.metrics.exposition()[0]
    for runner in reversed(runners):
        await runner.stop()
