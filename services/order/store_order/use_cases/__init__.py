"""Everything the order service can do."""

from dataclasses import dataclass

from store_order.use_cases.cancel_order import CancelOrder
from store_order.use_cases.change_status import ChangeStatus
from store_order.use_cases.deliver_notifications import DeliverNotifications
from store_order.use_cases.follow_timeline import FollowTimeline
from store_order.use_cases.list_orders import ListedOrder, ListOrders, OrderPage
from store_order.use_cases.place_order import Outcome, Placed, PlaceOrder
from store_order.use_cases.recover_orders import RecoverOrders
from store_order.use_cases.run_clock import RunClock
from store_order.use_cases.show_counts import ShowCounts
from store_order.use_cases.summarise_user import SummariseUser
from store_order.use_cases.view_order import ViewOrder

__all__ = [
    "CancelOrder",
    "ChangeStatus",
    "DeliverNotifications",
    "FollowTimeline",
    "ListOrders",
    "ListedOrder",
    "OrderPage",
    "Outcome",
    "PlaceOrder",
    "Placed",
    "RecoverOrders",
    "RunClock",
    "ShowCounts",
    "SummariseUser",
    "UseCases",
    "ViewOrder",
]


@dataclass(frozen=True, slots=True)
class UseCases:
    """The table of contents."""

    place_order: PlaceOrder
    view_order: ViewOrder
    list_orders: ListOrders
    cancel_order: CancelOrder
    change_status: ChangeStatus
    follow_timeline: FollowTimeline
    summarise_user: SummariseUser

    run_clock: RunClock
    recover_orders: RecoverOrders
    recover_older_orders: RecoverOrders
    deliver_notifications: DeliverNotifications
    show_counts: ShowCounts
