"""Calls to other services: within the caller's budget, retried only when that is safe, behind a breaker."""

import asyncio
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Protocol

import aiohttp
import msgspec
import stamina
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState

from store_kit.deadline import BUDGET_HEADER, remaining_s
from store_kit.ids import new_trace_id
from store_kit.logs import trace_id_var
from store_kit.metrics import Metrics
from store_kit.problems import DeadlineExceeded, OutcomeUnknown, Overloaded, PeerUnavailable
from store_kit.responses import json_bytes
from store_kit.settings import StoreSettings

_SAFE_TO_REPEAT: Final = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_BREAKER_STATES: Final = {"closed": 0, "half-opened": 1, "opened": 2}
# Retries are counted in a metric of ours; the library would log each of them.
stamina.instrumentation.set_on_retry_hooks([])
_KNOWN_FOR_S: Final = 1
"""How long an address is kept: a service that comes back elsewhere is found again, and a new replica gets its part."""
_LAG_S: Final = 0.25
_NO_TIME_S: Final = 0.001
"""What retries get when the budget is spent: stamina warns of zero, and takes None for ever."""
_OUTCOME_UNKNOWN: Final = OutcomeUnknown.slug.encode()
_JSON_HEADERS: Final = {"Content-Type": "application/json"}


class PeerTimeout(OutcomeUnknown):
    """The peer was reached but did not answer in time: what it did is not known."""

    blames_peer = True
    """False when the answer had not its full time: the caller's budget was short, or our own loop was busy."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a peer answered: a 2xx or a 4xx."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def ok(self) -> bool:
        """Whether the peer did as asked."""
        return self.status < HTTPStatus.BAD_REQUEST

    def json(self) -> Any:
        """Return the decoded body."""
        return msgspec.json.decode(self.body)


class TokenSource(Protocol):
    """Where a service gets the token that it shows to its peers."""

    async def token(self) -> str:
        """Return a token that is valid for a while."""
        ...

    def forget(self) -> None:
        """Drop the token: a peer refused it."""
        ...


class ServiceClient:
    """Talks to one peer.

    Args:
        peer: its name, for metrics and messages.
        base_url: where it listens.
        settings: timeouts, attempts, breaker.
        metrics: where the breaker's state is shown.
        tokens: who we are to the peer; None calls anonymously.
    """

    def __init__(
        self,
        peer: str,
        base_url: str,
        *,
        settings: StoreSettings,
        metrics: "PeerMetrics",
        tokens: TokenSource | None,
    ) -> None:
        self._peer = peer
        self._base_url = base_url.rstrip("/")
        self._settings = settings
        self._metrics = metrics
        self._tokens = tokens
        self._session: aiohttp.ClientSession | None = None
        self._breakers = AsyncCircuitBreakerFactory(
            default_threshold=settings.breaker_threshold,
            default_ttl=settings.breaker_ttl_s,
        )

    async def open(self) -> None:
        """Prepare the connection pool; connections are made when needed."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30, ttl_dns_cache=_KNOWN_FOR_S),
            auto_decompress=False,
        )
        # aiohttp would send a PUT that broke off again, and hide that the first one may have been acted upon.
        # It has no public switch; retrying is ours, counted and remembered (`_repeated`).
        self._session._retry_connection = False  # noqa: SLF001
        self._breaker = await self._breakers.get_breaker(self._peer)
        self._metrics.breaker_state.labels(self._peer).set_function(self._breaker_state)
        # There before the first: a rate over a series that just appeared would miss its first step.
        self._metrics.retries.labels(self._peer)

    async def close(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: object | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool | None = None,
        timeout_s: float | None = None,
    ) -> Reply:
        """Send a request and return the peer's 2xx or 4xx.

        Args:
            method: the HTTP method.
            path: the path at the peer.
            body: bytes, or what becomes JSON.
            params: the query.
            headers: extra headers.
            idempotent: whether repeating is safe; by default what HTTP says of the method.
            timeout_s: the longest wait for one answer; never longer than the budget that is left.

        Raises:
            PeerUnavailable: it was not reached; nothing was done there.
            PeerTimeout: it did not answer in time; what it did is not known.
            OutcomeUnknown: it broke; what it did is not known.
            DeadlineExceeded: the budget was spent before anything was sent.
        """
        repeat = method in _SAFE_TO_REPEAT if idempotent is None else idempotent
        attempts = self._settings.peer_attempts if repeat else 1
        data = body if body is None or isinstance(body, bytes) else json_bytes(body)
        send = _Request(method, self._base_url + path, data, params, dict(headers or {}), timeout_s)
        return await (self._repeated(send, attempts) if attempts > 1 else self._guarded(send))

    async def _repeated(self, request: "_Request", attempts: int) -> Reply:
        """Send until answered. What a try that broke off did stays unknown, whatever the later ones met."""
        unknown: OutcomeUnknown | None = None
        retries = stamina.retry_context(
            on=_may_pass,
            attempts=attempts,
            timeout=max(_NO_TIME_S, remaining_s(self._settings.request_timeout_s)),
            wait_initial=0.02,
            wait_max=0.25,
            wait_jitter=0.05,
        )
        try:
            async for attempt in retries:
                if attempt.num > 1:
                    self._metrics.retries.labels(self._peer).inc()
                with attempt:
                    try:
                        return await self._guarded(request)
                    except OutcomeUnknown as error:
                        unknown = error
                        raise
        except (PeerUnavailable, DeadlineExceeded) as error:
            if unknown is not None:
                raise unknown from error
            raise
        raise AssertionError("stamina returns or raises")  # pragma: no cover

    async def _guarded(self, request: "_Request") -> Reply:
        """Send once, unless the circuit is open; tell the breaker how it ended, if that says anything of the peer."""
        try:
            await self._breaker.__aenter__()
        except OpenedState:
            raise CircuitOpen(
                f"The {self._peer} service is not reachable; try again shortly.",
                retry_after_s=math.ceil(self._settings.breaker_ttl_s),
            ) from None
        try:
            reply = await self._authorised(request)
        except BaseException as error:
            if _blames_peer(error):
                await self._breaker.__aexit__(type(error), error, error.__traceback__)
            raise
        await self._breaker.__aexit__(None, None, None)
        return reply

    async def _authorised(self, request: "_Request") -> Reply:
        reply = await self._once(request)
        if reply.status == HTTPStatus.UNAUTHORIZED and self._tokens is not None:
            # Our token was refused before anything was done (keys rotated, clock jumped): get another, once.
            self._tokens.forget()
            reply = await self._once(request)
        return reply

    async def _once(self, request: "_Request") -> Reply:
        if self._session is None:
            raise RuntimeError(f"the client for {self._peer} is not open")
        timeout_s = self._timeout(request)
        headers = {
            **_JSON_HEADERS,
            **request.headers,
            **_trace_headers(),
            BUDGET_HEADER: str(int(timeout_s * 1000)),
        }
        if self._tokens is not None:
            headers["Authorization"] = f"Bearer {await self._tokens.token()}"
        started = time.monotonic()
        try:
            async with self._session.request(
                request.method,
                request.url,
                data=request.body,
                params=request.params,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=timeout_s),
                allow_redirects=False,
            ) as response:
                reply = Reply(response.status, await response.read(), response.headers)
        except aiohttp.ClientConnectorError as error:
            raise PeerUnavailable(f"The {self._peer} service is not reachable; try again shortly.") from error
        except TimeoutError as error:
            raise self._timed_out(request, timeout_s, time.monotonic() - started) from error
        except aiohttp.ClientError as error:
            raise OutcomeUnknown(f"The {self._peer} service broke off; repeat with the same key.") from error
        return self._judged(reply, waited_long=time.monotonic() - started > self._patience(request) / 2)

    def _timeout(self, request: "_Request") -> float:
        left = remaining_s(self._settings.request_timeout_s)
        if left <= 0:
            raise DeadlineExceeded(f"No time was left to ask the {self._peer} service.")
        return min(left, self._patience(request))

    def _patience(self, request: "_Request") -> float:
        return request.timeout_s or self._settings.peer_timeout_s

    def _timed_out(self, request: "_Request", timeout_s: float, waited_s: float) -> PeerTimeout:
        timeout = PeerTimeout(f"The {self._peer} service did not answer in time; repeat with the same key.")
        # A timer that fires late says that our own loop was busy, which is no fault of the peer; nor is a caller
        # who left it next to no time, or anybody could close the shop by asking for too much haste.
        lagged = waited_s - timeout_s > _LAG_S
        hasty = timeout_s < self._patience(request) / 2
        timeout.blames_peer = not (lagged or hasty)
        return timeout

    def _judged(self, reply: Reply, *, waited_long: bool) -> Reply:
        if reply.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return reply
        if reply.status == HTTPStatus.SERVICE_UNAVAILABLE and _slug(reply.body) == Overloaded.slug:
            raise PeerOverloaded(f"The {self._peer} service has too much in hand; try again shortly.")
        if reply.status == HTTPStatus.SERVICE_UNAVAILABLE and _OUTCOME_UNKNOWN not in reply.body:
            refusal = SlowRefusal if waited_long else PeerUnavailable
            raise refusal(f"The {self._peer} service cannot do this now; try again shortly.")
        raise OutcomeUnknown(f"The {self._peer} service failed; repeat with the same key.")

    def _breaker_state(self) -> float:
        """Return the state that the next call will meet: purgatory itself notices only at a call that time is up."""
        context = self._breaker.context
        time_is_up = context.opened_at is not None and time.time() > context.opened_at + context.ttl
        return _BREAKER_STATES["half-opened" if context.state == "opened" and time_is_up else context.state]


class CircuitOpen(PeerUnavailable):
    """The circuit to the peer is open: it failed several times in a row and is left alone for a moment."""


class PeerOverloaded(PeerUnavailable):
    """The peer has too much in hand and did not begin; it is well, and asking again at once would make it worse."""


class SlowRefusal(PeerUnavailable):
    """The peer waited in vain for what it needs, its database perhaps: another wait like that would be too much."""


class NoToken(PeerUnavailable):
    """We got no token of our own, so that the peer could not even be asked."""


def _may_pass(error: Exception) -> bool:
    """Say whether another try may do better soon; some failures say themselves that it would not."""
    return isinstance(error, PeerUnavailable | OutcomeUnknown) and not isinstance(
        error, CircuitOpen | PeerOverloaded | SlowRefusal | NoToken
    )


class _Told(msgspec.Struct):
    """What a problem document is told by."""

    type: str = ""


def _slug(body: bytes) -> str:
    """Return what a problem is called; nothing when it is none."""
    try:
        return msgspec.json.decode(body, type=_Told).type.rpartition("#")[2]
    except msgspec.DecodeError:
        return ""


def _blames_peer(error: BaseException) -> bool:
    """Say whether a failure counts against the peer: not what our caller or this process is the cause of."""
    if isinstance(error, PeerTimeout):
        return error.blames_peer
    return not isinstance(error, DeadlineExceeded | NoToken | PeerOverloaded | asyncio.CancelledError)


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: str
    body: bytes | None
    params: Mapping[str, str] | None
    headers: Mapping[str, str]
    timeout_s: float | None


class PeerMetrics:
    """The metrics of calls to other services; one per service, shared by its clients."""

    def __init__(self, metrics: Metrics) -> None:
        self.breaker_state = metrics.gauge(
            "store_breaker_state", "State of the circuit to a peer: 0 closed, 1 half open, 2 open.", ("peer",)
        )
        self.retries = metrics.counter(
            "store_peer_retries_total", "Calls to a peer that were sent again.", ("peer",)
        )


def _trace_headers() -> dict[str, str]:
    trace_id = trace_id_var.get()
    return {"traceparent": f"00-{trace_id}-{new_trace_id()[16:]}-01"} if trace_id else {}


_NO_ANSWER: Final = "The user service is not reachable; try again shortly."


class _Granted(msgspec.Struct):
    access_token: str
    expires_in: float


class ServiceTokens:
    """Our own access token by OAuth2 client credentials, renewed shortly before it expires.

    Args:
        settings: where the user service is.
        client_id: our service's name.
        client_secret: our service's secret.
    """

    _EARLY_S: Final = 30.0
    _PAUSE_S: Final = 1.0

    def __init__(self, settings: StoreSettings, client_id: str, client_secret: str) -> None:
        self._settings = settings
        self._form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
        }
        self._token = ""
        self._renew_at = 0.0
        self._expires_at = 0.0
        self._rest_until = 0.0
        self._renewing: asyncio.Task[None] | None = None

    async def token(self) -> str:
        """Return a valid token.

        Raises:
            NoToken: the user service cannot be asked, and the old token has expired.
        """
        now = time.monotonic()
        if now < self._renew_at:
            return self._token
        if now < self._rest_until:
            # Just asked in vain: nobody waits for a silent user service again so soon.
            raise NoToken(_NO_ANSWER)
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._renew())
            # Whoever waits may be gone when it fails; then nobody asks why, and asyncio must not complain.
            self._renewing.add_done_callback(lambda task: task.cancelled() or task.exception())
        try:
            # Shared, so that a slow user service costs everybody one wait and not one after the other.
            await asyncio.shield(self._renewing)
        except NoToken as failure:
            now = time.monotonic()
            if now >= self._expires_at:
                # A refused connection cost no time, and a shop that starts listens a moment later.
                if not isinstance(failure.__cause__, aiohttp.ClientConnectorError):
                    self._rest_until = now + self._PAUSE_S
                raise
            self._renew_at = now + self._PAUSE_S
        return self._token

    def forget(self) -> None:
        """Drop the token: a peer refused it."""
        self._renew_at = self._expires_at = 0.0

    async def _renew(self) -> None:
        timeout = aiohttp.ClientTimeout(total=self._settings.peer_timeout_s)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(f"{self._settings.user_url}/internal/token", data=self._form) as response,
            ):
                body = await response.read()
        except (TimeoutError, aiohttp.ClientError) as error:
            raise NoToken(_NO_ANSWER) from error
        if response.status != HTTPStatus.OK:
            raise NoToken("The user service refused this service's credentials.")
        try:
            granted = msgspec.json.decode(body, type=_Granted)
        except msgspec.DecodeError as error:
            raise NoToken("The answer of the user service cannot be read.") from error
        self._token = granted.access_token
        self._expires_at = time.monotonic() + granted.expires_in
        self._renew_at = self._expires_at - min(self._EARLY_S, granted.expires_in / 2)
