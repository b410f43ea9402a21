"""Everything the catalogue can do, one verb per file; this is the table of contents."""

from dataclasses import dataclass

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
from store_catalog.use_cases.show_crossed import ShowCrossed
from store_catalog.use_cases.sweep import Sweep

__all__ = [
    "AddProduct",
    "AddProducts",
    "AdjustStock",
    "BeginImport",
    "CheckHealth",
    "DeleteProduct",
    "FinishImport",
    "FollowFeed",
    "GetProduct",
    "ListCategories",
    "ListChanges",
    "ListProducts",
    "ListStock",
    "LookupProducts",
    "PatchProduct",
    "ReleaseStock",
    "ReplaceProduct",
    "ReserveStock",
    "ShipStock",
    "ShowCrossed",
    "Sweep",
    "UseCases",
]


@dataclass(frozen=True, slots=True)
class UseCases:
    """The use cases of the catalogue."""

    list_products: ListProducts
    list_categories: ListCategories
    get_product: GetProduct
    add_product: AddProduct
    add_products: AddProducts
    begin_import: BeginImport
    finish_import: FinishImport
    replace_product: ReplaceProduct
    patch_product: PatchProduct
    delete_product: DeleteProduct
    lookup_products: LookupProducts
    list_changes: ListChanges
    adjust_stock: AdjustStock
    list_stock: ListStock
    reserve_stock: ReserveStock
    release_stock: ReleaseStock
    ship_stock: ShipStock
    show_crossed: ShowCrossed
    sweep: Sweep
    follow_feed: FollowFeed
    check_health: CheckHealth
