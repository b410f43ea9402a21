import asyncio
import time

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from store_kit.access.jwks import remote_verifier
from store_kit.client.client import ServiceClient
from store_kit.client.failures import CircuitOpen, NoToken, PeerOverloaded, PeerTimeout
from store_kit.client.service_tokens import ServiceTokens
from store_kit.deadline import start_budget
from store_kit.http.responses import json_bytes
from store_kit.problems import DeadlineExceeded, OutcomeUnknown, Overloaded, PeerUnavailable
from store_kit.settings import StoreSettings
from store_kit.telemetry.metrics import Metrics

from tests.support.peers import Handler, Peers
from tests.support.services import free_port, within_budget
from tests.support.wait import until

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["sockets", "one process"])
def peers(request: pytest.FixtureRequest) -> Peers:
    """Return where peers run: what a caller sees does not depend on it."""
    return Peers(one_process=request.param == "one process")


def answers(*statuses: int, body: bytes = b"{}") -> tuple[Handler, list[Request]]:
    """Answer with these statuses in turn, the last one for ever; remember who asked."""
    waiting = list(statuses)
    asked: list[Request] = []

    async def handler(request: Request) -> Response:
        asked.append(request)
        return Response(body, waiting.pop(0) if len(waiting) > 1 else waiting[0])

    return handler, asked


async def test_reply_of_the_peer_comes_back(peers: Peers) -> None:
    """A 2xx and a 4xx are answers; the request says how long it may take."""
    handler, asked = answers(200, 409, body=b'{"a":1}')
    async with peers.peer(handler) as url, peers.client(url) as calls:
        reply = await calls.call("PUT", "/x", body={"b": 2}, params={"q": "1"})
        assert (reply.ok, reply.json()) == (True, {"a": 1})
        assert 0 < int(asked[0].headers["Store-Timeout-Ms"]) <= 5_000
        assert not (await calls.call("POST", "/x")).ok


async def test_idempotent_call_is_repeated(peers: Peers) -> None:
    """A PUT that met a passing failure is sent again."""
    handler, asked = answers(503, 500, 200)
    async with peers.peer(handler) as url, peers.client(url) as calls:
        assert (await calls.call("PUT", "/x")).ok
    assert len(asked) == 3


async def test_refusal_after_a_long_wait_is_not_asked_for_again(peers: Peers) -> None:
    """A peer that waited in vain for its database would wait again, and so would whoever asked us."""
    asked = 0

    async def handler(_: Request) -> Response:
        nonlocal asked
        asked += 1
        await asyncio.sleep(1.05)
        return Response(status_code=503)

    # More than half of the time that it may take, and far from all of it, on a busy machine too.
    async with peers.peer(handler) as url, peers.client(url, peer_timeout_s=2) as calls:
        with pytest.raises(PeerUnavailable):
            await calls.call("GET", "/x")
    assert asked == 1


async def test_call_with_an_effect_is_sent_once(peers: Peers) -> None:
    """A POST is never repeated by the client; what it did is unknown after a 500."""
    handler, asked = answers(500, 200)
    async with peers.peer(handler) as url, peers.client(url) as calls:
        with pytest.raises(OutcomeUnknown):
            await calls.call("POST", "/x")
    assert len(asked) == 1


async def test_unknown_outcome_of_the_peer_stays_unknown(peers: Peers) -> None:
    """A peer that does not know either is not taken for one that did nothing."""
    handler, _ = answers(503, body=b'{"type":"/docs/problems/#outcome-unknown"}')
    async with peers.peer(handler) as url, peers.client(url) as calls:
        with pytest.raises(OutcomeUnknown):
            await calls.call("POST", "/x")


async def test_outcome_stays_unknown_when_the_peer_is_gone_at_the_next_try(peers: Peers) -> None:
    """A peer that broke off halfway and then refused connections may have acted the first time."""
    listening: list[asyncio.Server] = []

    async def dies(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        listening[0].close()
        writer.transport.abort()

    listening.append(await asyncio.start_server(dies, "127.0.0.1", port := free_port()))
    async with peers.client(f"http://127.0.0.1:{port}") as calls:
        with pytest.raises(OutcomeUnknown):
            await calls.call("PUT", "/x")


async def test_outcome_stays_unknown_when_the_circuit_opens_before_the_next_try(peers: Peers) -> None:
    """The try that opened the circuit may have acted; that the next one was not even sent says nothing of it."""
    handler, asked = answers(500)
    async with peers.peer(handler) as url, peers.client(url, breaker_threshold=1) as calls:
        with pytest.raises(OutcomeUnknown):
            await calls.call("PUT", "/x")
        with pytest.raises(PeerUnavailable):
            await calls.call("PUT", "/x")
    assert len(asked) == 1


async def silent(request: Request) -> Response:
    """Answer nothing while anybody waits for it."""
    await request.body()
    await request.receive()
    return Response()


async def test_silence_is_an_unknown_outcome(peers: Peers) -> None:
    """A peer that does not answer in time may have acted."""
    async with peers.peer(silent) as url, peers.client(url, peer_timeout_s=0.3) as calls:
        with pytest.raises(PeerTimeout):
            await calls.call("POST", "/x")


async def test_spent_budget_sends_nothing(peers: Peers) -> None:
    """Without time left the peer is not even asked."""
    handler, asked = answers(200)
    async with peers.peer(handler) as url, peers.client(url) as calls:
        with pytest.raises(DeadlineExceeded):
            await within_budget(-1, calls.call("POST", "/x"))
    assert asked == []


async def test_dead_peer_opens_the_circuit_and_it_closes_again(peers: Peers) -> None:
    """After some failures calls end at once; when the peer is back, the next try closes the circuit."""
    port = free_port()
    metrics = Metrics("test")
    url = f"http://127.0.0.1:{port}"
    async with peers.client(url, metrics, breaker_threshold=2, breaker_ttl_s=0.5) as calls:
        for _ in range(2):
            with pytest.raises(PeerUnavailable):
                await calls.call("POST", "/x")
        assert b'store_breaker_state{peer="stub"} 2.0' in metrics.exposition()[0]
        with pytest.raises(CircuitOpen) as told:
            await calls.call("GET", "/x")
        assert b'store_peer_retries_total{peer="stub"} 0.0' in metrics.exposition()[0], "it was at once"
        assert int(told.value.headers["Retry-After"]) >= 1
        half_open = (
            b'store_breaker_state{peer="stub"} 1.0'  # though nobody calls: the next call is let through
        )
        await until(lambda: half_open in metrics.exposition()[0], "the circuit is half open by itself")
        handler, _ = answers(200)
        async with peers.peer(handler, port):
            while b'store_breaker_state{peer="stub"} 0.0' not in metrics.exposition()[0]:
                try:
                    await calls.call("POST", "/x")
                except PeerUnavailable:
                    await asyncio.sleep(0.02)


async def test_silent_peer_opens_the_circuit(peers: Peers) -> None:
    """A peer that was given its full time and did not answer counts as failed."""
    timeouts = 0
    async with (
        peers.peer(silent) as url,
        peers.client(url, breaker_threshold=2, peer_timeout_s=0.05) as calls,
    ):

        async def is_open() -> bool:
            nonlocal timeouts
            try:
                await calls.call("POST", "/x")
            except CircuitOpen:
                return True
            except PeerTimeout:
                # One during which the machine stood still is not the peer's fault, and does not count.
                timeouts += 1
            return False

        await until(is_open, "the circuit is open", 20)
    assert timeouts >= 2


@pytest.mark.parametrize("budget_s", [-1, 0.02])
async def test_hasty_callers_do_not_open_the_circuit(peers: Peers, budget_s: float) -> None:
    """Callers who leave no time, or next to none, cannot shut everybody else out from a healthy peer."""
    metrics = Metrics("test")

    async def slow_at_first(request: Request) -> Response:
        return await silent(request) if request.url.path == "/slow" else Response()

    async def ask_in_haste(calls: ServiceClient) -> None:
        start_budget(budget_s)
        with pytest.raises((DeadlineExceeded, PeerTimeout)):
            await calls.call("POST", "/slow")

    async with peers.peer(slow_at_first) as url, peers.client(url, metrics, breaker_threshold=2) as calls:
        for _ in range(5):
            await asyncio.create_task(ask_in_haste(calls))
        assert b'store_breaker_state{peer="stub"} 0.0' in metrics.exposition()[0]
        assert (await calls.call("POST", "/x")).ok


async def test_timeouts_of_a_busy_loop_do_not_open_the_circuit(peers: Peers) -> None:
    """While this very process is too busy to hear the answer, its peers are not taken for dead."""
    async with peers.peer(silent) as url, peers.client(url, breaker_threshold=2, peer_timeout_s=0.1) as calls:
        for _ in range(5):
            call = asyncio.create_task(calls.call("POST", "/x"))
            await asyncio.sleep(0.02)
            time.sleep(0.5)  # noqa: ASYNC251 - the loop is held up on purpose
            with pytest.raises(PeerTimeout):
                await call


async def test_failure_that_says_nothing_is_no_success_either(peers: Peers) -> None:
    """Failures in a row stay in a row when a hasty caller comes between them."""

    async def in_haste(calls: ServiceClient) -> None:
        start_budget(-1)
        with pytest.raises(DeadlineExceeded):
            await calls.call("POST", "/x")

    async with peers.client(f"http://127.0.0.1:{free_port()}", breaker_threshold=2) as calls:
        with pytest.raises(PeerUnavailable):
            await calls.call("POST", "/x")
        await asyncio.create_task(in_haste(calls))
        with pytest.raises(PeerUnavailable):
            await calls.call("POST", "/x")
        with pytest.raises(CircuitOpen):
            await calls.call("POST", "/x")


async def test_overload_is_no_failure_of_the_peer(peers: Peers) -> None:
    """A peer that is full is not asked again at once, and its circuit stays closed; any other 503 counts."""
    full = Overloaded().document("0" * 32)
    handler, asked = answers(503, body=json_bytes(full))
    async with peers.peer(handler) as url, peers.client(url, breaker_threshold=2) as calls:
        for n in range(1, 6):
            with pytest.raises(PeerOverloaded):
                await calls.call("GET", "/x")
            assert len(asked) == n
    handler, _ = answers(503, body=json_bytes({**full, "type": "about:blank", "detail": "overloaded"}))
    async with peers.peer(handler) as url, peers.client(url, breaker_threshold=2) as calls:
        with pytest.raises(CircuitOpen):
            await calls.call("GET", "/x")


async def test_token_is_fetched_once_and_again_when_refused(peers: Peers) -> None:
    """Calls share one token; one that a peer refuses is replaced and the call repeated."""
    granted: list[str] = []
    shown: list[str] = []

    async def handler(request: Request) -> Response:
        if request.url.path == "/internal/token":
            granted.append(f"t{len(granted)}")
            return JSONResponse({"access_token": granted[-1], "expires_in": 600})
        shown.append(request.headers["Authorization"])
        return Response(status_code=401 if shown[-1] == "Bearer t0" and len(shown) > 2 else 200)

    async with peers.peer(handler) as url:
        settings = StoreSettings.model_validate({"user_url": url})
        async with peers.client(url, tokens=ServiceTokens(settings, "cart", "s")) as calls:
            await asyncio.gather(calls.call("GET", "/a"), calls.call("GET", "/b"))
            assert granted == ["t0"]
            assert (await calls.call("GET", "/c")).ok
            assert shown[-2:] == ["Bearer t0", "Bearer t1"]


@pytest.mark.parametrize("status", [401, 500])
async def test_refused_credentials_are_no_answer_of_the_peer(peers: Peers, status: int) -> None:
    """A service that gets no token cannot call, and says so."""
    handler, _ = answers(status)
    async with peers.peer(handler) as url:
        settings = StoreSettings.model_validate({"user_url": url})
        with pytest.raises(PeerUnavailable):
            await ServiceTokens(settings, "cart", "wrong").renew()


async def test_peers_are_not_blamed_for_a_silent_user_service(peers: Peers) -> None:
    """Without a token nobody can be asked: that is said at once after the first wait, and closes no circuit."""
    metrics = Metrics("test")
    waited_for = 0

    async def silent_user_service(request: Request) -> Response:
        nonlocal waited_for
        waited_for += 1
        return await silent(request)

    async with peers.peer(silent_user_service) as user_service, peers.peer(answers(200)[0]) as url:
        settings = StoreSettings(user_url=user_service, peer_timeout_s=0.3)
        tokens = ServiceTokens(settings, "cart", "s")
        async with peers.client(url, metrics, tokens, breaker_threshold=2) as calls:
            for _ in range(5):
                with pytest.raises(NoToken):
                    await calls.call("GET", "/x")
            assert waited_for <= 1
            assert b'store_breaker_state{peer="stub"} 0.0' in metrics.exposition()[0]


async def test_a_user_service_that_begins_to_listen_is_asked_at_once(peers: Peers) -> None:
    """When a shop starts, its workers may be earlier than its ports: that costs the first orders nothing."""

    async def grants(_request: Request) -> Response:
        return JSONResponse({"access_token": "t", "expires_in": 600})

    port = free_port()
    tokens = ServiceTokens(
        StoreSettings.model_validate({"user_url": f"http://127.0.0.1:{port}"}), "cart", "s"
    )
    with pytest.raises(NoToken):
        await tokens.renew()
    async with peers.peer(grants, port):
        await tokens.renew()
    assert tokens.bearer == "Bearer t"


async def test_unreachable_user_service_means_no_keys() -> None:
    """Without the issuer's keys nobody is let in, and the answer says that this passes."""
    settings = StoreSettings.model_validate({"user_url": f"http://127.0.0.1:{free_port()}"})
    with pytest.raises(PeerUnavailable):
        await remote_verifier(settings).verify("a.b.c")
    with pytest.raises(PeerUnavailable):
        await ServiceTokens(settings, "cart", "s").renew()
