import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from store_kit.client import (
    CircuitOpen,
    NoToken,
    PeerMetrics,
    PeerOverloaded,
    PeerTimeout,
    ServiceClient,
    ServiceTokens,
)
from store_kit.deadline import start_budget
from store_kit.jwks import remote_verifier
from store_kit.metrics import Metrics
from store_kit.problems import DeadlineExceeded, OutcomeUnknown, Overloaded, PeerUnavailable
from store_kit.responses import json_bytes
from store_kit.settings import StoreSettings
from store_kit.testing import free_port, within_budget

from tests.support.wait import until

pytestmark = pytest.mark.anyio
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def peer(handler: Handler, port: int = 0) -> AsyncIterator[str]:
    """Run a real HTTP server that answers everything by `handler`."""
    server = web.ServerRunner(web.Server(handler), shutdown_timeout=0.05)
    await server.setup()
    site = web.TCPSite(server, "127.0.0.1", port)
    await site.start()
    try:
        yield f"http://127.0.0.1:{server.addresses[0][1]}"
    finally:
        await server.cleanup()


@asynccontextmanager
async def client(
    url: str, metrics: Metrics | None = None, **settings: object
) -> AsyncIterator[ServiceClient]:
    configured = StoreSettings.model_validate({"peer_timeout_s": 0.3, "breaker_ttl_s": 0.2, **settings})
    made = ServiceClient(
        "stub", url, settings=configured, metrics=PeerMetrics(metrics or Metrics("test")), tokens=None
    )
    await made.open()
    try:
        yield made
    finally:
        await made.close()


def answers(*statuses: int, body: bytes = b"{}") -> tuple[Handler, list[web.BaseRequest]]:
    """Answer with these statuses in turn, the last one for ever; remember who asked."""
    waiting = list(statuses)
    asked: list[web.BaseRequest] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        asked.append(request)
        return web.Response(status=waiting.pop(0) if len(waiting) > 1 else waiting[0], body=body)

    return handler, asked


async def test_reply_of_the_peer_comes_back() -> None:
    """A 2xx and a 4xx are answers; the request says how long it may take."""
    handler, asked = answers(200, 409, body=b'{"a":1}')
    async with peer(handler) as url, client(url) as calls:
        reply = await calls.call("PUT", "/x", body={"b": 2}, params={"q": "1"})
        assert (reply.ok, reply.json()) == (True, {"a": 1})
        assert 0 < int(asked[0].headers["Store-Timeout-Ms"]) <= 300
        assert not (await calls.call("POST", "/x")).ok


async def test_idempotent_call_is_repeated() -> None:
    """A PUT that met a passing failure is sent again."""
    handler, asked = answers(503, 500, 200)
    async with peer(handler) as url, client(url) as calls:
        assert (await calls.call("PUT", "/x")).ok
    assert len(asked) == 3


async def test_refusal_after_a_long_wait_is_not_asked_for_again() -> None:
    """A peer that waited in vain for its database would wait again, and so would whoever asked us."""
    asked = 0

    async def handler(_: web.BaseRequest) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.2)
        return web.Response(status=503)

    async with peer(handler) as url, client(url) as calls:
        with pytest.raises(PeerUnavailable):
            await calls.call("GET", "/x")
    assert asked == 1


async def test_call_with_an_effect_is_sent_once() -> None:
    """A POST is never repeated by the client; what it did is unknown after a 500."""
    handler, asked = answers(500, 200)
    async with peer(handler) as url, client(url) as calls:
        with pytest.raises(OutcomeUnknown):
            await calls.call("POST", "/x")
    assert len(asked) == 1


async def test_unknown_outcome_of_the_peer_stays_unknown() -> None:
    """A peer that does not know either is not taken for one that did nothing."""
    handler, _ = answers(503, body=b'{"type":"/docs/problems/#outcome-unknown"}')
    async with peer(handler) as url, client(url) as calls:
        with pytest.raises(OutcomeUnknown):
            await calls.call("POST", "/x")


async def test_outcome_stays_unknown_when_the_peer_is_gone_at_the_next_try() -> None:
    """A peer that broke off halfway and then refused connections may have acted the first time."""
    listening: list[asyncio.Server] = []

    async def dies(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        listening[0].close()
        writer.transport.abort()

    listening.append(await asyncio.start_server(dies, "127.0.0.1", port := free_port()))
    async with client(f"http://127.0.0.1:{port}") as calls:
        with pytest.raises(OutcomeUnknown):
            await calls.call("PUT", "/x")


async def test_outcome_stays_unknown_when_the_circuit_opens_before_the_next_try() -> None:
    """The try that opened the circuit may have acted; that the next one was not even sent says nothing of it."""
    handler, asked = answers(500)
    async with peer(handler) as url, client(url, breaker_threshold=1) as calls:
        with pytest.raises(OutcomeUnknown):
            await calls.call("PUT", "/x")
        with pytest.raises(PeerUnavailable):
            await calls.call("PUT", "/x")
    assert len(asked) == 1


async def silent(_request: web.BaseRequest) -> web.StreamResponse:
    """Never answer."""
    await asyncio.Event().wait()
    return web.Response()


async def test_silence_is_an_unknown_outcome() -> None:
    """A peer that does not answer in time may have acted."""
    async with peer(silent) as url, client(url) as calls:
        with pytest.raises(PeerTimeout):
            await calls.call("POST", "/x", timeout_s=0.05)


async def test_spent_budget_sends_nothing() -> None:
    """Without time left the peer is not even asked."""
    handler, asked = answers(200)
    async with peer(handler) as url, client(url) as calls:
        with pytest.raises(DeadlineExceeded):
            await within_budget(-1, calls.call("POST", "/x"))
    assert asked == []


async def test_dead_peer_opens_the_circuit_and_it_closes_again() -> None:
    """After some failures calls end at once; when the peer is back, the next try closes the circuit."""
    port = free_port()
    metrics = Metrics("test")
    async with client(f"http://127.0.0.1:{port}", metrics, breaker_threshold=2) as calls:
        for _ in range(2):
            with pytest.raises(PeerUnavailable):
                await calls.call("POST", "/x")
        assert b'store_breaker_state{peer="stub"} 2.0' in metrics.exposition()[0]
        begun = asyncio.get_running_loop().time()
        with pytest.raises(PeerUnavailable) as told:
            await calls.call("GET", "/x")
        assert asyncio.get_running_loop().time() - begun < 0.05
        assert int(told.value.headers["Retry-After"]) >= 1
        half_open = (
            b'store_breaker_state{peer="stub"} 1.0'  # though nobody calls: the next call is let through
        )
        await until(lambda: half_open in metrics.exposition()[0], "the circuit is half open by itself")
        handler, _ = answers(200)
        async with peer(handler, port):
            while b'store_breaker_state{peer="stub"} 0.0' not in metrics.exposition()[0]:
                try:
                    await calls.call("POST", "/x")
                except PeerUnavailable:
                    await asyncio.sleep(0.02)


async def test_silent_peer_opens_the_circuit() -> None:
    """A peer that was given its full time and did not answer counts as failed."""
    async with peer(silent) as url, client(url, breaker_threshold=2, peer_timeout_s=0.05) as calls:
        for _ in range(2):
            with pytest.raises(PeerTimeout):
                await calls.call("POST", "/x")
        with pytest.raises(CircuitOpen):
            await calls.call("POST", "/x")


@pytest.mark.parametrize("budget_s", [-1, 0.02])
async def test_hasty_callers_do_not_open_the_circuit(budget_s: float) -> None:
    """Callers who leave no time, or next to none, cannot shut everybody else out from a healthy peer."""
    metrics = Metrics("test")

    async def slow_at_first(request: web.BaseRequest) -> web.StreamResponse:
        return await silent(request) if request.path == "/slow" else web.Response()

    async def ask_in_haste(calls: ServiceClient) -> None:
        start_budget(budget_s)
        with pytest.raises((DeadlineExceeded, PeerTimeout)):
            await calls.call("POST", "/slow")

    async with peer(slow_at_first) as url, client(url, metrics, breaker_threshold=2) as calls:
        for _ in range(5):
            await asyncio.create_task(ask_in_haste(calls))
        assert b'store_breaker_state{peer="stub"} 0.0' in metrics.exposition()[0]
        assert (await calls.call("POST", "/x")).ok


async def test_timeouts_of_a_busy_loop_do_not_open_the_circuit() -> None:
    """While this very process is too busy to hear the answer, its peers are not taken for dead."""
    async with peer(silent) as url, client(url, breaker_threshold=2, peer_timeout_s=0.1) as calls:
        for _ in range(5):
            call = asyncio.create_task(calls.call("POST", "/x"))
            await asyncio.sleep(0.02)
            time.sleep(0.5)  # noqa: ASYNC251 - the loop is held up on purpose
            with pytest.raises(PeerTimeout):
                await call


async def test_failure_that_says_nothing_is_no_success_either() -> None:
    """Failures in a row stay in a row when a hasty caller comes between them."""

    async def in_haste(calls: ServiceClient) -> None:
        start_budget(-1)
        with pytest.raises(DeadlineExceeded):
            await calls.call("POST", "/x")

    async with client(f"http://127.0.0.1:{free_port()}", breaker_threshold=2) as calls:
        with pytest.raises(PeerUnavailable):
            await calls.call("POST", "/x")
        await asyncio.create_task(in_haste(calls))
        with pytest.raises(PeerUnavailable):
            await calls.call("POST", "/x")
        with pytest.raises(CircuitOpen):
            await calls.call("POST", "/x")


async def test_overload_is_no_failure_of_the_peer() -> None:
    """A peer that is full is not asked again at once, and its circuit stays closed; any other 503 counts."""
    full = Overloaded().document("0" * 32)
    handler, asked = answers(503, body=json_bytes(full))
    async with peer(handler) as url, client(url, breaker_threshold=2) as calls:
        for n in range(1, 6):
            with pytest.raises(PeerOverloaded):
                await calls.call("GET", "/x")
            assert len(asked) == n
    handler, _ = answers(503, body=json_bytes({**full, "type": "about:blank", "detail": "overloaded"}))
    async with peer(handler) as url, client(url, breaker_threshold=2) as calls:
        with pytest.raises(CircuitOpen):
            await calls.call("GET", "/x")


async def test_token_is_fetched_once_and_again_when_refused() -> None:
    """Calls share one token; one that a peer refuses is replaced and the call repeated."""
    granted: list[str] = []
    shown: list[str] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/internal/token":
            granted.append(f"t{len(granted)}")
            return web.json_response({"access_token": granted[-1], "expires_in": 600})
        shown.append(request.headers["Authorization"])
        return web.Response(status=401 if shown[-1] == "Bearer t0" and len(shown) > 2 else 200)

    async with peer(handler) as url:
        settings = StoreSettings.model_validate({"user_url": url})
        calls = ServiceClient(
            "stub",
            url,
            settings=settings,
            metrics=PeerMetrics(Metrics("t")),
            tokens=ServiceTokens(settings, "cart", "s"),
        )
        await calls.open()
        await asyncio.gather(calls.call("GET", "/a"), calls.call("GET", "/b"))
        assert granted == ["t0"]
        assert (await calls.call("GET", "/c")).ok
        assert shown[-2:] == ["Bearer t0", "Bearer t1"]
        await calls.close()


@pytest.mark.parametrize("status", [401, 500])
async def test_refused_credentials_are_no_answer_of_the_peer(status: int) -> None:
    """A service that gets no token cannot call, and says so."""
    handler, _ = answers(status)
    async with peer(handler) as url:
        settings = StoreSettings.model_validate({"user_url": url})
        with pytest.raises(PeerUnavailable):
            await ServiceTokens(settings, "cart", "wrong").token()


async def test_peers_are_not_blamed_for_a_silent_user_service() -> None:
    """Without a token nobody can be asked: that is said at once after the first wait, and closes no circuit."""
    metrics = Metrics("test")
    async with peer(silent) as user_service, peer(answers(200)[0]) as url:
        settings = StoreSettings.model_validate(
            {"user_url": user_service, "peer_timeout_s": 0.1, "breaker_threshold": 2}
        )
        tokens = ServiceTokens(settings, "cart", "s")
        calls = ServiceClient("stub", url, settings=settings, metrics=PeerMetrics(metrics), tokens=tokens)
        await calls.open()
        begun = asyncio.get_running_loop().time()
        for _ in range(5):
            with pytest.raises(NoToken):
                await calls.call("GET", "/x")
        assert asyncio.get_running_loop().time() - begun < 0.1 + 5 * 0.05
        assert b'store_breaker_state{peer="stub"} 0.0' in metrics.exposition()[0]
        await calls.close()


async def test_a_user_service_that_begins_to_listen_is_asked_at_once() -> None:
    """When a shop starts, its workers may be earlier than its ports: that costs the first orders nothing."""

    async def grants(_request: web.BaseRequest) -> web.StreamResponse:
        return web.json_response({"access_token": "t", "expires_in": 600})

    port = free_port()
    tokens = ServiceTokens(
        StoreSettings.model_validate({"user_url": f"http://127.0.0.1:{port}"}), "cart", "s"
    )
    with pytest.raises(NoToken):
        await tokens.token()
    async with peer(grants, port):
        assert await tokens.token() == "t"


async def test_unreachable_user_service_means_no_keys() -> None:
    """Without the issuer's keys nobody is let in, and the answer says that this passes."""
    settings = StoreSettings.model_validate({"user_url": f"http://127.0.0.1:{free_port()}"})
    with pytest.raises(PeerUnavailable):
        await remote_verifier(settings).verify("a.b.c")
    with pytest.raises(PeerUnavailable):
        await ServiceTokens(settings, "cart", "s").token()
