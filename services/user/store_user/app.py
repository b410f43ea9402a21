"""Composition root of the user service."""

import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from store_kit.access.tokens import TokenVerifier
from store_kit.client.client import ServiceClient
from store_kit.client.metrics import PeerMetrics
from store_kit.clock import Clock, SystemClock
from store_kit.http import Cursors
from store_kit.running.service import Resource, Service, Wrap, build_service, unwrapped
from store_kit.secrets import Secrets
from store_kit.shop import SCOPES
from store_kit.telemetry.metrics import Metrics
from store_kit.telemetry.security_events import SecurityEvents
from store_kit.workers import Worker

from store_user.adapters.argon2_passwords import Argon2Passwords
from store_user.adapters.clients import CartClient, OrderClient
from store_user.adapters.common_passwords import common_passwords
from store_user.adapters.memory_throttle import MemoryThrottle
from store_user.adapters.stores import Stores, stores_of
from store_user.adapters.telemetry import AccountMetrics
from store_user.adapters.tokens import DerivedRefreshTokens, OwnToken, SecretClients, SignedAccessTokens
from store_user.api import admin_users, auth, internal, me, my_sessions, users
from store_user.api.parameters import Api
from store_user.settings import UserSettings
from store_user.use_cases import UseCases
from store_user.wiring import Ports, use_cases_of

_ROUTERS: Final = (
    users.router,
    me.router,
    my_sessions.router,
    auth.router,
    admin_users.router,
    internal.router,
)
_EVENTS: Final = (
    "account.deleted",
    "account.disabled",
    "account.enabled",
    "account.registered",
    "client.refused",
    "login.failed",
    "login.succeeded",
    "password.changed",
    "password.reset",
    "password.reset_issued",
    "password.reset_refused",
    "roles.changed",
    "session.refused",
    "session.reused",
    "sessions.ended",
)
"""The security events of this service, besides those of all (docs/monitoring.md)."""


@dataclass(frozen=True, slots=True)
class _Adapters:
    """What stands behind the ports, and what must be opened for it."""

    ports: Ports
    stores: Stores
    passwords: Argon2Passwords
    access_tokens: SignedAccessTokens
    security: SecurityEvents
    clients: tuple[Resource, ...]
    metrics: Metrics
    secrets: Secrets


def create_service(
    settings: UserSettings | None = None, *, clock: Clock | None = None, wrap: Wrap = unwrapped
) -> Service:
    """Return the user service; nothing is opened before it starts.

    Args:
        settings: read from the environment when None.
        clock: whose time it is; the machine's when None.
        wrap: put around each store; for crash tests.
    """
    settings, clock = settings or UserSettings(), clock or SystemClock()
    made = _adapters(settings, clock, wrap, clients=SCOPES)
    use_cases = use_cases_of(made.ports, settings)
    return build_service(
        name="user",
        port=settings.port_of("user"),
        settings=settings,
        metrics=made.metrics,
        verifier=_verifier(settings, made.access_tokens, clock),
        api=Api(
            use_cases=use_cases,
            cursors=Cursors(made.secrets.text("cursor_key")),
            jwks=made.access_tokens.jwks(),
            trusted_proxies=settings.user_trusted_proxies,
            forwarded_by=settings.user_forwarded_by,
        ),
        routers=_ROUTERS,
        resources=(*made.stores.resources, made.passwords, *made.clients),
        workers=(
            Worker("user.sweep", use_cases.sweep, settings.user_sweep_every_s, clock),
            Worker("user.leave", use_cases.finish_leaving, settings.user_leaving_every_s, clock),
        ),
        checks=made.stores.checks,
        security=made.security,
    )


@contextlib.asynccontextmanager
async def open_accounts(settings: UserSettings | None = None) -> AsyncIterator[UseCases]:
    """Open the accounts without a server, for the command line; either database lets a second process write.

    Raises:
        DatabaseUnavailable: the cluster did not answer, or its schema was not ready in time.
    """
    settings = settings or UserSettings()
    made = _adapters(settings, SystemClock(), unwrapped, clients=())
    async with contextlib.AsyncExitStack() as stack:
        for resource in (*made.stores.resources, made.passwords):
            await resource.open()
            stack.push_async_callback(resource.close)
        await made.stores.until_usable()
        yield use_cases_of(made.ports, settings)


def _adapters(settings: UserSettings, clock: Clock, wrap: Wrap, *, clients: Iterable[str]) -> _Adapters:
    metrics, secrets = Metrics("user"), Secrets(settings)
    stores, passwords = stores_of(settings, secrets, metrics, clock), Argon2Passwords(settings, metrics)
    access_tokens = SignedAccessTokens(
        settings,
        signing_key=secrets.pem("signing_key"),
        previous_key=secrets.optional("signing_key_previous"),
        clock=clock,
    )
    security, counts = SecurityEvents(metrics, _EVENTS), AccountMetrics(metrics)
    peers, own = PeerMetrics(metrics), OwnToken(access_tokens)
    orders = ServiceClient("order", settings.order_url, settings=settings, metrics=peers, tokens=own)
    carts = ServiceClient("cart", settings.cart_url, settings=settings, metrics=peers, tokens=own)
    ports = Ports(
        accounts=wrap("accounts", stores.accounts),
        sessions=wrap("tokens", stores.sessions),
        notifications=wrap("notifications", stores.notifications),
        revocations=wrap("revocations", stores.revocations),
        passwords=passwords,
        common_passwords=common_passwords(),
        throttle=MemoryThrottle(settings, clock),
        access_tokens=access_tokens,
        refresh_tokens=DerivedRefreshTokens(secrets.text("refresh_key")),
        clients=SecretClients(secrets, clients),
        orders=OrderClient(orders),
        carts=CartClient(carts),
        security=security,
        count_registration=counts.count_registration,
        count_login=counts.count_login,
        clock=clock,
    )
    return _Adapters(ports, stores, passwords, access_tokens, security, (orders, carts), metrics, secrets)


def _verifier(settings: UserSettings, access_tokens: SignedAccessTokens, clock: Clock) -> TokenVerifier:
    """Return a verifier that has the keys already: this service is the issuer."""

    async def own_keys() -> Mapping[str, Any]:
        return access_tokens.jwks()

    return TokenVerifier(
        own_keys,
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        now_s=lambda: clock.now_ms() / 1000,
    )
