"""Composition root: builds the catalogue from its settings."""

from dataclasses import dataclass
from typing import Final

from store_kit.auth import TokenVerifier
from store_kit.client import PeerMetrics, ServiceClient, ServiceTokens
from store_kit.clock import Clock, SystemClock
from store_kit.cursors import Cursors
from store_kit.metrics import Metrics
from store_kit.revocations import trust_in
from store_kit.secrets import Secrets
from store_kit.service import Service, Wrap, build_service, unwrapped
from store_kit.workers import Worker

from store_catalog.adapters.http_health import HttpHealthProbe
from store_catalog.adapters.read_model import ReadModel
from store_catalog.adapters.read_model_start import FirstPass
from store_catalog.adapters.recent_changes import RecentChanges
from store_catalog.adapters.reservation_meter import PrometheusReservationMeter
from store_catalog.adapters.stores import Stores, stores_of
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
from store_catalog.ports import ChangeFeed, Marks, ProductStore, StockStore
from store_catalog.settings import CatalogSettings
from store_catalog.use_cases import UseCases
from store_catalog.use_cases.add_products import AddProduct, AddProducts
from store_catalog.use_cases.adjust_stock import AdjustStock
from store_catalog.use_cases.check_health import CheckHealth
from store_catalog.use_cases.edit_product import DeleteProduct, PatchProduct, ReplaceProduct
from store_catalog.use_cases.follow_feed import FollowFeed
from store_catalog.use_cases.get_product import GetProduct
from store_catalog.use_cases.import_once import BeginImport, FinishImport
from store_catalog.use_cases.list_categories import ListCategories
from store_catalog.use_cases.list_changes import ListChanges
from store_catalog.use_cases.list_products import ListProducts
from store_catalog.use_cases.list_stock import ListStock
from store_catalog.use_cases.lookup_products import LookupProducts
from store_catalog.use_cases.release_stock import ReleaseStock
from store_catalog.use_cases.reserve_stock import ReserveStock
from store_catalog.use_cases.ship_stock import ShipStock
from store_catalog.use_cases.sweep import Sweep

NAME: Final = "catalog"
_ROUTERS: Final = (
    # Reading comes first: routes are tried in their order.
    products.reading,
    product_lists.router,
    categories.router,
    products.router,
    product_batches.router,
    imports.router,
    stock.router,
    system.router,
    internal.router,
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
    metrics = Metrics(NAME)
    kept = _adapters(settings, clock, metrics, wrap)
    use_cases = _use_cases(settings, clock, kept)
    follower = Worker("catalog.follow", use_cases.follow_feed, settings.catalog_follow_s, clock)
    kept.index.on_nudge = follower.nudge
    kept.index.on_change = kept.changes.note
    metrics.gauge(
        "store_catalog_index_lag_seconds", "By how much the lists of products may be behind the truth."
    ).set_function(use_cases.follow_feed.lag_s)
    users = _users(settings, metrics)
    trust = trust_in(users, settings=settings, metrics=metrics, clock=clock, verifier=verifier)
    first_pass = FirstPass(use_cases.follow_feed, settings.catalog_index_wait_s)
    service = build_service(
        name=NAME,
        port=settings.port_of("catalog"),
        settings=settings,
        metrics=metrics,
        verifier=trust.verifier,
        use_cases=use_cases,
        routers=_ROUTERS,
        resources=(*kept.stores.resources, kept.index, first_pass, kept.probe, users),
        workers=(
            follower,
            Worker("catalog.sweep", use_cases.sweep, settings.catalog_sweep_s, clock),
            *trust.workers,
        ),
        checks={**kept.stores.checks, "index": kept.index.check},
    )
    service.app.state.currency = settings.currency
    service.app.state.cursors = kept.cursors
    service.app.state.changes = kept.changes
    return service


def _users(settings: CatalogSettings, metrics: Metrics) -> ServiceClient:
    """Return the client of the user service, which says which access tokens have ended."""
    tokens = ServiceTokens(settings, NAME, Secrets(settings).text("service_secret_catalog"))
    return ServiceClient(
        "user", settings.user_url, settings=settings, metrics=PeerMetrics(metrics), tokens=tokens
    )


@dataclass(frozen=True, slots=True)
class _Adapters:
    """What keeps the catalogue's ports."""

    stores: Stores
    products: ProductStore
    stock: StockStore
    feed: ChangeFeed
    marks: Marks
    index: ReadModel
    changes: RecentChanges
    cursors: Cursors
    meter: PrometheusReservationMeter
    probe: HttpHealthProbe


def _adapters(settings: CatalogSettings, clock: Clock, metrics: Metrics, wrap: Wrap) -> _Adapters:
    secrets = Secrets(settings)
    stores = stores_of(settings, secrets, metrics, clock)
    index_file = settings.data_dir / f"{_index_name(settings)}.db"
    return _Adapters(
        stores=stores,
        products=wrap("products", stores.products),
        stock=wrap("stock", stores.stock),
        feed=wrap("feed", stores.feed),
        marks=wrap("marks", stores.marks),
        index=ReadModel(index_file, currency=settings.currency, clock=clock, metrics=metrics),
        changes=RecentChanges(),
        cursors=Cursors(secrets.text("cursor_key")),
        meter=PrometheusReservationMeter(metrics),
        probe=HttpHealthProbe(_urls(settings), settings.catalog_health_timeout_s),
    )


def _index_name(settings: CatalogSettings) -> str:
    """Return the read model's name: one for each database, for a position in one's feed means nothing in another's."""
    return f"{NAME}-index" if settings.cluster is None else f"{settings.cluster.keyspace(NAME)}-index"


def _urls(settings: CatalogSettings) -> dict[str, str]:
    return {
        "catalog": settings.catalog_url,
        "cart": settings.cart_url,
        "order": settings.order_url,
        "user": settings.user_url,
    }


def _use_cases(settings: CatalogSettings, clock: Clock, kept: _Adapters) -> UseCases:
    products, stock_store, index, meter = kept.products, kept.stock, kept.index, kept.meter
    return UseCases(
        list_products=ListProducts(index, kept.cursors),
        list_categories=ListCategories(index),
        follow_feed=FollowFeed(kept.feed, products, index, clock),
        get_product=GetProduct(products),
        add_product=AddProduct(products, index),
        add_products=AddProducts(products, index),
        begin_import=BeginImport(kept.marks, stock_store),
        finish_import=FinishImport(kept.marks),
        replace_product=ReplaceProduct(products, index, clock),
        patch_product=PatchProduct(products, index, clock),
        delete_product=DeleteProduct(products, index, clock),
        lookup_products=LookupProducts(products),
        list_changes=ListChanges(kept.changes),
        adjust_stock=AdjustStock(stock_store, products, index),
        list_stock=ListStock(stock_store),
        reserve_stock=ReserveStock(stock_store, products, index, meter),
        release_stock=ReleaseStock(stock_store, products, index, meter),
        ship_stock=ShipStock(stock_store, meter),
        sweep=Sweep(
            stock_store,
            kept.feed,
            products,
            index,
            meter,
            clock,
            passing_ms=round(settings.catalog_passing_s * 1000),
            marker_ms=settings.catalog_marker_s * 1000,
            feed_ms=settings.catalog_feed_s * 1000,
        ),
        check_health=CheckHealth(kept.probe),
    )
