"""How the catalogue's use cases hang together, whatever stands behind their ports."""

from dataclasses import dataclass

from store_kit.clock import Clock
from store_kit.counting import counted
from store_kit.problems import Conflict

from store_catalog.ports import (
    ChangeFeed,
    ChangesSeen,
    FollowedIndex,
    HealthProbe,
    Marks,
    ProductIndex,
    ProductLists,
    ProductStore,
    StockStore,
    Telemetry,
)
from store_catalog.use_cases import (
    AddProduct,
    AddProducts,
    AdjustStock,
    BeginImport,
    CheckHealth,
    DeleteProduct,
    FinishImport,
    FollowFeed,
    GetProduct,
    ListCategories,
    ListChanges,
    ListProducts,
    ListStock,
    LookupProducts,
    PatchProduct,
    ReleaseStock,
    ReplaceProduct,
    ReserveStock,
    ShipStock,
    ShowCrossed,
    Sweep,
    UseCases,
)


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything outside that the use cases work with."""

    products: ProductStore
    stock: StockStore
    feed: ChangeFeed
    marks: Marks
    index: ProductIndex
    followed: FollowedIndex
    lists: ProductLists
    changes: ChangesSeen
    health: HealthProbe
    telemetry: Telemetry
    clock: Clock


def use_cases_of(ports: Ports, *, passing_ms: int, marker_ms: int, feed_ms: int) -> UseCases:
    """Return all use cases; the times are the ages at which a sweep finishes or forgets something."""
    products, stock, index, clock = ports.products, ports.stock, ports.index, ports.clock
    count, show_crossed = ports.telemetry.count_reservation, ShowCrossed(products, index)
    return UseCases(
        list_products=ListProducts(ports.lists),
        list_categories=ListCategories(ports.lists),
        get_product=GetProduct(products),
        add_product=AddProduct(products, index),
        add_products=AddProducts(products, index),
        begin_import=BeginImport(ports.marks, stock),
        finish_import=FinishImport(ports.marks),
        replace_product=ReplaceProduct(products, index, clock),
        patch_product=PatchProduct(products, index, clock),
        delete_product=DeleteProduct(products, index, clock),
        lookup_products=LookupProducts(products),
        list_changes=ListChanges(ports.changes),
        adjust_stock=AdjustStock(stock, show_crossed),
        list_stock=ListStock(stock),
        reserve_stock=counted(ReserveStock(stock, show_crossed), count, refused=Conflict),
        release_stock=counted(ReleaseStock(stock, show_crossed), count),
        ship_stock=ShipStock(counted(stock.ship_stock, count)),
        show_crossed=show_crossed,
        sweep=Sweep(
            stock,
            ports.feed,
            show_crossed,
            clock,
            finish_reservation=counted(stock.finish_reservation, count),
            passing_ms=passing_ms,
            marker_ms=marker_ms,
            feed_ms=feed_ms,
        ),
        follow_feed=FollowFeed(ports.feed, products, ports.followed, clock),
        check_health=CheckHealth(ports.health),
    )
