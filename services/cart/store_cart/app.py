"""Composition root: builds the cart service from its settings."""

from dataclasses import dataclass
from typing import Final

from store_kit.addresses import parse_network
from store_kit.auth import TokenVerifier
from store_kit.client import PeerMetrics, ServiceClient, ServiceTokens
from store_kit.clock import Clock, SystemClock
from store_kit.cursors import Cursors
from store_kit.metrics import Metrics
from store_kit.rates import Rate
from store_kit.revocations import trust_in
from store_kit.secrets import Secrets
from store_kit.service import Service, Wrap, build_service, unwrapped
from store_kit.workers import Worker

from store_cart.adapters.catalog_client import CatalogClient
from store_cart.adapters.guest_limit import GuestsByAddress
from store_cart.adapters.guest_tokens import HmacGuestTokens
from store_cart.adapters.known_products import RememberedProducts
from store_cart.adapters.stores import Stores, stores_of
from store_cart.api import admin, cart, internal, recently_viewed
from store_cart.ports import (
    AddedCounter,
    CartStore,
    Catalogue,
    CatalogueAndNews,
    GuestLimit,
    GuestTokens,
    News,
    ViewStore,
)
from store_cart.settings import CartSettings
from store_cart.use_cases import UseCases
from store_cart.use_cases.add_item import AddItem
from store_cart.use_cases.clear_cart import ClearCart
from store_cart.use_cases.export_shopper import ExportShopper
from store_cart.use_cases.follow_products import FollowProducts
from store_cart.use_cases.forget_shopper import ForgetShopper
from store_cart.use_cases.list_carts import ListCarts
from store_cart.use_cases.list_recently_viewed import ListRecentlyViewed
from store_cart.use_cases.merge_carts import MergeCarts
from store_cart.use_cases.price_cart import PriceCart
from store_cart.use_cases.read_cart import ReadCart
from store_cart.use_cases.recognise_guest import RecogniseGuest
from store_cart.use_cases.record_view import RecordView
from store_cart.use_cases.remove_item import RemoveItem
from store_cart.use_cases.replace_items import ReplaceItems
from store_cart.use_cases.set_item import SetItem
from store_cart.use_cases.show_cart import ShowCart
from store_cart.use_cases.subtract_order import SubtractOrder
from store_cart.use_cases.sweep import Sweep
from store_cart.use_cases.take_cart import GiveBack, TakeCart
from store_cart.use_cases.welcome_guest import WelcomeGuest

NAME: Final = "cart"


def create_service(
    settings: CartSettings | None = None,
    *,
    clock: Clock | None = None,
    wrap: Wrap = unwrapped,
    verifier: TokenVerifier | None = None,
    catalogue: CatalogueAndNews | None = None,
) -> Service:
    """Return the cart service; nothing is opened before it starts.

    Args:
        settings: read from the environment when not given.
        clock: the machine's when not given.
        wrap: put around every port.
        verifier: of access tokens; by the user service's keys when not given.
        catalogue: the catalogue service over HTTP when not given.
    """
    settings, clock = settings or CartSettings(), clock or SystemClock()
    secrets, metrics = Secrets(settings), Metrics(NAME)
    stores = stores_of(settings, secrets, metrics)
    client, users = _peers(settings, secrets, metrics)
    trust = trust_in(users, settings=settings, metrics=metrics, clock=clock, verifier=verifier)
    ports = _ports(settings, wrap, stores, catalogue or CatalogClient(client), secrets, metrics, clock)
    products = RememberedProducts(
        ports.catalogue,
        clock,
        fresh_s=settings.cart_known_products_s,
        capacity=settings.cart_known_products,
    )
    use_cases = _use_cases(settings, ports, products)

    service = build_service(
        name=NAME,
        port=settings.port_of("cart"),
        settings=settings,
        metrics=metrics,
        verifier=trust.verifier,
        use_cases=use_cases,
        routers=(cart.hot, cart.router, recently_viewed.router, admin.router, internal.router),
        resources=(*stores.resources, client, users),
        workers=(
            Worker("cart.sweep", use_cases.sweep, settings.cart_sweep_s, clock),
            Worker("cart.follow", use_cases.follow_products, settings.cart_follow_s, clock),
            *trust.workers,
        ),
        checks=stores.checks,
    )
    service.app.state.cursors = Cursors(secrets.text("cursor_key"))
    service.app.state.proxies = [parse_network(network) for network in settings.cart_trusted_proxies]
    service.app.state.forwarded_by = settings.cart_forwarded_by
    service.app.state.known_products = products
    return service


def _peers(settings: CartSettings, secrets: Secrets, metrics: Metrics) -> tuple[ServiceClient, ServiceClient]:
    """Return clients of the catalogue and of the user service."""
    tokens = ServiceTokens(settings, NAME, secrets.text("service_secret_cart"))
    shared = PeerMetrics(metrics)

    def client(peer: str, url: str) -> ServiceClient:
        return ServiceClient(peer, url, settings=settings, metrics=shared, tokens=tokens)

    return client("catalog", settings.catalog_url), client("user", settings.user_url)


@dataclass(frozen=True, slots=True)
class _Ports:
    """Everything outside that the use cases work with."""

    carts: CartStore
    views: ViewStore
    catalogue: Catalogue
    news: News
    tokens: GuestTokens
    guests: GuestLimit
    added: AddedCounter
    clock: Clock


def _ports(
    settings: CartSettings,
    wrap: Wrap,
    stores: Stores,
    catalogue: CatalogueAndNews,
    secrets: Secrets,
    metrics: Metrics,
    clock: Clock,
) -> _Ports:
    return _Ports(
        wrap("carts", stores.carts),
        wrap("views", stores.views),
        wrap("catalogue", catalogue),
        wrap("news", catalogue),
        HmacGuestTokens(secrets.text("guest_cart_key")),
        GuestsByAddress(Rate.parse(settings.cart_guest_limit_address)),
        metrics.counter("store_cart_items_added_total", "Lines put into carts by adding or replacing."),
        clock,
    )


def _use_cases(settings: CartSettings, ports: _Ports, products: RememberedProducts) -> UseCases:
    carts, views, catalogue, clock = ports.carts, ports.views, ports.catalogue, ports.clock
    tokens, added = ports.tokens, ports.added
    idle_ms, order_ms = settings.cart_guest_idle_s * 1000, settings.cart_order_s * 1000
    price_cart = PriceCart(carts, catalogue, settings.currency)
    return UseCases(
        welcome_guest=WelcomeGuest(carts, tokens, ports.guests),
        recognise_guest=RecogniseGuest(tokens),
        show_cart=ShowCart(carts, price_cart),
        add_item=AddItem(carts, products, added, clock, settings.cart_operation_s * 1000),
        set_item=SetItem(carts, products, clock),
        remove_item=RemoveItem(carts, clock),
        replace_items=ReplaceItems(carts, products, added, clock),
        clear_cart=ClearCart(carts, clock),
        merge_carts=MergeCarts(carts, tokens, clock, idle_ms),
        record_view=RecordView(views, products, clock),
        list_recently_viewed=ListRecentlyViewed(views, catalogue),
        list_carts=ListCarts(carts),
        read_cart=ReadCart(carts),
        price_cart=price_cart,
        take_cart=TakeCart(carts, clock, order_ms),
        give_back=GiveBack(carts, clock, order_ms),
        subtract_order=SubtractOrder(carts, clock, order_ms),
        export_shopper=ExportShopper(carts, views),
        forget_shopper=ForgetShopper(carts, views, clock),
        sweep=Sweep(carts, views, clock, idle_ms),
        follow_products=FollowProducts(ports.news, products, clock),
    )
