"""Composition root: builds the catalogue from its settings."""

from pathlib import Path
from typing import Final

from store_kit.access.revocations import trust_in
from store_kit.access.tokens import TokenVerifier
from store_kit.client.client import ServiceClient
from store_kit.client.metrics import PeerMetrics
from store_kit.client.service_tokens import ServiceTokens
from store_kit.clock import Clock, SystemClock
from store_kit.http import Cursors
from store_kit.running.service import Service, Wrap, build_service, unwrapped
from store_kit.secrets import Secrets
from store_kit.telemetry.metrics import Metrics
from store_kit.workers import Worker

from store_catalog.adapters.clients import HealthClient
from store_catalog.adapters.read_model.first_pass import FirstPass
from store_catalog.adapters.read_model.index import ReadModel
from store_catalog.adapters.recent_changes import RecentChanges
from store_catalog.adapters.stores import Stores, stores_of
from store_catalog.adapters.telemetry import PrometheusTelemetry
from store_catalog.api import (
    categories,
    imports,
    internal,
    product_batches,
    product_lists,
    products,
    stock,
    system,
)
from store_catalog.api.parameters import Api
from store_catalog.settings import CatalogSettings
from store_catalog.wiring import Ports, use_cases_of

NAME: Final = "catalog"
_ROUTERS: Final = (
    # Reading comes first: routes are tried in their order.
    products.bare,
    product_lists.bare,
    categories.router,
    products.router,
    product_batches.router,
    imports.router,
    stock.router,
    system.router,
    internal.bare,
)


def create_service(
    settings: CatalogSettings | None = None,
    *,
    clock: Clock | None = None,
    wrap: Wrap = unwrapped,
    verifier: TokenVerifier | None = None,
) -> Service:
    """Return the catalogue; nothing is opened before it starts.

    Args:
        settings: read from the environment when not given.
        clock: the machine's when not given.
        wrap: put around every port.
        verifier: of access tokens; by the user service's keys when not given.
    """
    settings, clock = settings or CatalogSettings(), clock or SystemClock()
    secrets, metrics = Secrets(settings), Metrics(NAME)
    stores = stores_of(settings, secrets, metrics, clock)
    index = ReadModel(_index_file(settings), currency=settings.currency, clock=clock, metrics=metrics)
    changes, health = RecentChanges(), _health(settings)
    users = _users(settings, secrets, metrics)
    trust = trust_in(users, settings=settings, metrics=metrics, clock=clock, verifier=verifier)
    use_cases = use_cases_of(
        _ports(wrap, stores, index, changes, health, metrics, clock),
        passing_ms=round(settings.catalog_passing_s * 1000),
        marker_ms=settings.catalog_marker_s * 1000,
        feed_ms=settings.catalog_feed_s * 1000,
    )
    follow = Worker("catalog.follow", use_cases.follow_feed, settings.catalog_follow_s, clock)
    index.on_nudge, index.on_change = follow.nudge, changes.note
    metrics.gauge(
        "store_catalog_index_lag_seconds", "By how much the lists of products may be behind the truth."
    ).set_function(use_cases.follow_feed.lag_s)
    first_pass = FirstPass(use_cases.follow_feed, settings.catalog_index_wait_s)
    service = build_service(
        name=NAME,
        port=settings.port_of("catalog"),
        settings=settings,
        metrics=metrics,
        verifier=trust.verifier,
        api=Api(use_cases, settings.currency, Cursors(secrets.text("cursor_key"))),
        routers=_ROUTERS,
        resources=(*stores.resources, index, first_pass, health, users),
        workers=(
            follow,
            Worker("catalog.sweep", use_cases.sweep, settings.catalog_sweep_s, clock),
            *trust.workers,
        ),
        checks={**stores.checks, "index": index.check},
    )
    # In one process with the cart service, that one listens.
    service.app.state.changes = changes
    return service


def _users(settings: CatalogSettings, secrets: Secrets, metrics: Metrics) -> ServiceClient:
    """Return the client of the user service, which says which access tokens have ended."""
    tokens = ServiceTokens(settings, NAME, secrets.text("service_secret_catalog"))
    return ServiceClient(
        "user", settings.user_url, settings=settings, metrics=PeerMetrics(metrics), tokens=tokens
    )


def _health(settings: CatalogSettings) -> HealthClient:
    urls = {
        "catalog": settings.catalog_url,
        "cart": settings.cart_url,
        "order": settings.order_url,
        "user": settings.user_url,
    }
    return HealthClient(urls, settings.catalog_health_timeout_s)


def _index_file(settings: CatalogSettings) -> Path:
    """Return the read model's file: one for each database, as a position in one's feed means nothing in another's."""
    name = NAME if settings.cluster is None else settings.cluster.keyspace(NAME)
    return settings.data_dir / f"{name}-index.db"


def _ports(
    wrap: Wrap,
    stores: Stores,
    index: ReadModel,
    changes: RecentChanges,
    health: HealthClient,
    metrics: Metrics,
    clock: Clock,
) -> Ports:
    return Ports(
        products=wrap("products", stores.products),
        stock=wrap("stock", stores.stock),
        feed=wrap("feed", stores.feed),
        marks=wrap("marks", stores.marks),
        index=index,
        followed=index,
        lists=index,
        changes=changes,
        health=health,
        telemetry=PrometheusTelemetry(metrics),
        clock=clock,
    )
