"""How the cart service's use cases hang together, whatever stands behind their ports."""

from dataclasses import dataclass

from store_kit.clock import Clock
from store_kit.counting import counted

from store_cart.ports import (
    CartStore,
    Catalogue,
    GuestLimit,
    GuestTokens,
    KnownProducts,
    Telemetry,
    ViewStore,
)
from store_cart.use_cases import (
    AddItem,
    ClearCart,
    ExportShopper,
    FindProducts,
    FollowProducts,
    ForgetShopper,
    GiveBack,
    ListCarts,
    ListRecentlyViewed,
    MergeCarts,
    PriceCart,
    ReadCart,
    RecogniseGuest,
    RecordView,
    RemoveItem,
    ReplaceItems,
    SetItem,
    ShowCart,
    SubtractOrder,
    Sweep,
    TakeCart,
    UseCases,
    WelcomeGuest,
)


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything outside that the use cases work with."""

    carts: CartStore
    views: ViewStore
    catalogue: Catalogue
    products: KnownProducts
    tokens: GuestTokens
    guests: GuestLimit
    telemetry: Telemetry
    clock: Clock


def use_cases_of(
    ports: Ports,
    *,
    currency: str,
    guest_idle_ms: int,
    operation_ms: int,
    order_ms: int,
) -> UseCases:
    """Return all use cases; the times say how long guests' carts, Idempotency-Keys and orders are known."""
    carts, views, clock = ports.carts, ports.views, ports.clock
    catalogue, products, tokens = ports.catalogue, ports.products, ports.tokens
    count_added = ports.telemetry.count_added_lines
    price_cart, find_products = PriceCart(carts, catalogue, currency), FindProducts(products)
    return UseCases(
        welcome_guest=WelcomeGuest(carts, tokens, ports.guests),
        recognise_guest=RecogniseGuest(tokens),
        show_cart=ShowCart(carts, price_cart),
        add_item=counted(
            AddItem(carts, find_products, clock, operation_ms),
            lambda change: count_added(int(change.applied)),
        ),
        set_item=SetItem(carts, find_products, clock),
        remove_item=RemoveItem(carts, clock),
        replace_items=counted(
            ReplaceItems(carts, find_products, clock), lambda replaced: count_added(replaced[0].line_count)
        ),
        clear_cart=ClearCart(carts, clock),
        merge_carts=MergeCarts(carts, tokens, clock, guest_idle_ms),
        record_view=RecordView(views, find_products, clock),
        list_recently_viewed=ListRecentlyViewed(views, catalogue),
        list_carts=ListCarts(carts),
        read_cart=ReadCart(carts),
        price_cart=price_cart,
        take_cart=TakeCart(carts, clock, order_ms),
        give_back=GiveBack(carts, clock, order_ms),
        subtract_order=SubtractOrder(carts, clock, order_ms),
        export_shopper=ExportShopper(carts, views),
        forget_shopper=ForgetShopper(carts, views, clock),
        sweep=Sweep(carts, views, clock, guest_idle_ms),
        find_products=find_products,
        follow_products=FollowProducts(catalogue, products, clock),
    )
