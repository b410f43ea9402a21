"""Everything the cart service can do."""

from dataclasses import dataclass

from store_cart.use_cases.add_item import AddItem
from store_cart.use_cases.clear_cart import ClearCart
from store_cart.use_cases.export_shopper import ExportShopper
from store_cart.use_cases.find_products import FindProducts
from store_cart.use_cases.follow_products import FollowProducts
from store_cart.use_cases.forget_shopper import ForgetShopper
from store_cart.use_cases.give_back import GiveBack
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
from store_cart.use_cases.take_cart import TakeCart
from store_cart.use_cases.welcome_guest import WelcomeGuest

__all__ = [
    "AddItem",
    "ClearCart",
    "ExportShopper",
    "FindProducts",
    "FollowProducts",
    "ForgetShopper",
    "GiveBack",
    "ListCarts",
    "ListRecentlyViewed",
    "MergeCarts",
    "PriceCart",
    "ReadCart",
    "RecogniseGuest",
    "RecordView",
    "RemoveItem",
    "ReplaceItems",
    "SetItem",
    "ShowCart",
    "SubtractOrder",
    "Sweep",
    "TakeCart",
    "UseCases",
    "WelcomeGuest",
]


@dataclass(frozen=True, slots=True)
class UseCases:
    """The table of contents: shoppers first, then administrators, other services and the house-keeping."""

    welcome_guest: WelcomeGuest
    recognise_guest: RecogniseGuest
    show_cart: ShowCart
    add_item: AddItem
    set_item: SetItem
    remove_item: RemoveItem
    replace_items: ReplaceItems
    clear_cart: ClearCart
    merge_carts: MergeCarts
    record_view: RecordView
    list_recently_viewed: ListRecentlyViewed
    list_carts: ListCarts
    read_cart: ReadCart
    price_cart: PriceCart
    take_cart: TakeCart
    give_back: GiveBack
    subtract_order: SubtractOrder
    export_shopper: ExportShopper
    forget_shopper: ForgetShopper
    sweep: Sweep
    find_products: FindProducts
    follow_products: FollowProducts
