"""Calls to other services: within the caller's budget, retried only when that is safe, behind a breaker."""

import math
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, Protocol

import aiohttp
import msgspec

from store_kit.backoff import Backoff
from store_kit.client.breaker import Breaker, State
from store_kit.client.failures import (
    CircuitOpen,
    PeerOverloaded,
    PeerTimeout,
    SlowRefusal,
    blames_peer,
    may_pass,
)
from store_kit.client.metrics import PeerMetrics
from store_kit.client.service_tokens import TokenSource
from store_kit.deadline import BUDGET_HEADER, remaining_s
from store_kit.http.responses import json_bytes
from store_kit.ids import new_trace_id
from store_kit.problems import DeadlineExceeded, OutcomeUnknown, Overloaded, PeerUnavailable
from store_kit.settings import StoreSettings
from store_kit.telemetry.logs import trace_id_var

_SAFE_TO_REPEAT: Final = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_KNOWN_FOR_S: Final = 1
"""How long an address is kept: a service that comes back elsewhere is found again, and a new replica gets its part."""
_LAG_S: Final = 0.25
_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 0.25
_OUTCOME_UNKNOWN: Final = OutcomeUnknown.slug.encode()


class Reply(msgspec.Struct, frozen=True):
    """What a peer answered: a 2xx or a 4xx."""

    status: int
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the peer did as asked."""
        return self.status < HTTPStatus.BAD_REQUEST

    def json(self) -> Any:
        """Return the decoded body."""
        return msgspec.json.decode(self.body)


class Asked(msgspec.Struct, frozen=True):
    """What a peer is asked."""

    method: str
    path: str
    body: bytes | None
    params: Mapping[str, str] | None


Answer = tuple[int, bytes]
"""Status and body."""


class Neighbour(Protocol):
    """A peer that runs in this process: it is called without a socket."""

    async def ask(self, asked: Asked, headers: dict[str, str], timeout_s: float) -> Answer:
        """Return what it answers.

        Raises:
            TimeoutError: it did not answer in time.
        """


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
        metrics: PeerMetrics,
        tokens: TokenSource | None,
    ) -> None:
        self._peer = peer
        self._base_url = base_url.rstrip("/")
        self._settings = settings
        self._patience_s = settings.peer_timeout_s
        self._usual_timeout = aiohttp.ClientTimeout(total=settings.peer_timeout_s)
        self._metrics = metrics
        self._tokens = tokens
        self._session: aiohttp.ClientSession | None = None
        self._breaker = Breaker(settings.breaker_threshold, settings.breaker_ttl_s)
        self.neighbours: Mapping[str, Neighbour] = {}
        """Base URL -> a peer of this process that serves requests now; all others are called over sockets."""

    async def open(self) -> None:
        """Prepare the connection pool; connections are made when needed."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30, ttl_dns_cache=_KNOWN_FOR_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )
        # aiohttp would send a PUT that broke off again, and hide that the first one may have been acted upon.
        # It has no public switch (docs/private_doors.md); retrying is ours, counted and remembered (`_repeated`).
        self._session._retry_connection = False  # noqa: SLF001
        self._metrics.breaker_state.labels(self._peer).set_function(lambda: self._breaker.state)
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
        idempotent: bool | None = None,
    ) -> Reply:
        """Send a request and return the peer's 2xx or 4xx.

        Args:
            method: the HTTP method.
            path: the path at the peer.
            body: bytes, or what becomes JSON.
            params: the query.
            idempotent: whether repeating is safe; by default what HTTP says of the method.

        Raises:
            PeerUnavailable: it was not reached; nothing was done there.
            PeerTimeout: it did not answer in time; what it did is not known.
            OutcomeUnknown: it broke; what it did is not known.
            DeadlineExceeded: the budget was spent before anything was sent.
        """
        repeat = method in _SAFE_TO_REPEAT if idempotent is None else idempotent
        data = body if body is None or isinstance(body, bytes) else json_bytes(body)
        return await self._repeated(
            Asked(method, path, data, params), self._settings.peer_attempts if repeat else 1
        )

    async def _repeated(self, asked: Asked, attempts: int) -> Reply:
        """Send until answered. What a try that broke off did stays unknown, whatever the later ones met."""
        unknown: OutcomeUnknown | None = None
        backoff: Backoff | None = None
        while True:
            try:
                return await self._guarded(asked)
            except (PeerUnavailable, OutcomeUnknown, DeadlineExceeded) as error:
                if isinstance(error, OutcomeUnknown):
                    unknown = error
                backoff = backoff or self._backoff(attempts)
                if not (may_pass(error) and await backoff.pause()):
                    if unknown is None or unknown is error:
                        raise
                    raise unknown from error
            self._metrics.retries.labels(self._peer).inc()

    def _backoff(self, attempts: int) -> Backoff:
        within_s = remaining_s(self._settings.request_timeout_s)
        return Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S, within_s=within_s, tries=attempts)

    async def _guarded(self, asked: Asked) -> Reply:
        """Send once, unless the circuit is open; tell the breaker how it ended, if that says anything of the peer."""
        breaker = self._breaker
        if breaker.troubled and breaker.state is State.OPEN:
            raise CircuitOpen(
                f"The {self._peer} service is not reachable; try again shortly.",
                retry_after_s=math.ceil(self._settings.breaker_ttl_s),
            )
        period = breaker.period
        try:
            reply = await self._once(asked)
            if reply.status == HTTPStatus.UNAUTHORIZED and self._tokens is not None:
                # Our token was refused before anything was done (keys rotated, clock jumped): with another, once.
                reply = await self._once(asked)
        except BaseException as error:
            if blames_peer(error):
                breaker.failed(period)
            raise
        if breaker.troubled:
            breaker.succeeded(period)
        return reply

    async def _once(self, asked: Asked) -> Reply:
        tokens = self._tokens
        if tokens is not None and tokens.good_until_s <= time.monotonic():
            await tokens.renew()
        timeout_s = min(remaining_s(self._settings.request_timeout_s), self._patience_s)
        if timeout_s <= 0:
            raise DeadlineExceeded(f"No time was left to ask the {self._peer} service.")
        headers = self._headers(timeout_s)
        neighbour = self.neighbours.get(self._base_url)
        started = time.monotonic()
        try:
            if neighbour is not None:
                reply = Reply(*await neighbour.ask(asked, headers, timeout_s))
            else:
                reply = await self._sent(asked, headers, timeout_s)
        except aiohttp.ClientConnectorError as error:
            raise PeerUnavailable(f"The {self._peer} service is not reachable; try again shortly.") from error
        except TimeoutError as error:
            raise self._timed_out(timeout_s, time.monotonic() - started) from error
        except aiohttp.ClientError as error:
            raise OutcomeUnknown(f"The {self._peer} service broke off; repeat with the same key.") from error
        if reply.status == HTTPStatus.UNAUTHORIZED and tokens is not None:
            tokens.forget(headers["authorization"])
        if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise self._failure(reply, waited_long=time.monotonic() - started > self._patience_s / 2)
        return reply

    def _headers(self, timeout_s: float) -> dict[str, str]:
        headers = {"content-type": "application/json", BUDGET_HEADER: str(int(timeout_s * 1000))}
        trace_id = trace_id_var.get()
        if trace_id:
            headers["traceparent"] = f"00-{trace_id}-{new_trace_id()[16:]}-01"
        if self._tokens is not None:
            headers["authorization"] = self._tokens.bearer
        return headers

    async def _sent(self, asked: Asked, headers: dict[str, str], timeout_s: float) -> Reply:
        if self._session is None:
            raise RuntimeError(f"the client for {self._peer} is not open")
        usual = timeout_s == self._patience_s
        async with self._session.request(
            asked.method,
            self._base_url + asked.path,
            data=asked.body,
            params=asked.params,
            headers=headers,
            timeout=self._usual_timeout if usual else aiohttp.ClientTimeout(total=timeout_s),
            allow_redirects=False,
        ) as response:
            return Reply(response.status, await response.read())

    def _timed_out(self, timeout_s: float, waited_s: float) -> PeerTimeout:
        timeout = PeerTimeout(f"The {self._peer} service did not answer in time; repeat with the same key.")
        # A timer that fires late says that our own loop was busy, which is no fault of the peer; nor is a caller
        # who left it next to no time, or anybody could close the shop by asking for too much haste.
        lagged = waited_s - timeout_s > _LAG_S
        hasty = timeout_s < self._patience_s / 2
        timeout.blames_peer = not (lagged or hasty)
        return timeout

    def _failure(self, reply: Reply, *, waited_long: bool) -> PeerUnavailable | OutcomeUnknown:
        """Return what a 5xx means to the caller."""
        if reply.status == HTTPStatus.SERVICE_UNAVAILABLE and _slug(reply.body) == Overloaded.slug:
            return PeerOverloaded(f"The {self._peer} service has too much in hand; try again shortly.")
        if reply.status == HTTPStatus.SERVICE_UNAVAILABLE and _OUTCOME_UNKNOWN not in reply.body:
            refusal = SlowRefusal if waited_long else PeerUnavailable
            return refusal(f"The {self._peer} service cannot do this now; try again shortly.")
        return OutcomeUnknown(f"The {self._peer} service failed; repeat with the same key.")


class _Told(msgspec.Struct):
    """What a problem document is told by."""

    type: str = ""


def _slug(body: bytes) -> str:
    """Return what a problem is called; nothing when it is none."""
    try:
        return msgspec.json.decode(body, type=_Told).type.rpartition("#")[2]
    except msgspec.DecodeError:
        return ""
