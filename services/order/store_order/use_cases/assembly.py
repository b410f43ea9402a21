"""How the use cases hang together, whatever the adapters are."""

from dataclasses import dataclass

from store_order.domain import Rules
from store_order.ports import (
    Carts,
    Clock,
    Notifications,
    OrderStore,
    Payments,
    Reservations,
    Signals,
    Telemetry,
    WorkQueue,
)
from store_order.use_cases import UseCases
from store_order.use_cases.advance_order import AdvanceOrder
from store_order.use_cases.background import Background
from store_order.use_cases.cancel_order import CancelOrder
from store_order.use_cases.change_status import ChangeStatus
from store_order.use_cases.deliver_notifications import DeliverNotifications
from store_order.use_cases.drive_order import DriveOrder
from store_order.use_cases.due_work import DueWork
from store_order.use_cases.follow_timeline import FollowTimeline
from store_order.use_cases.journal import Journal
from store_order.use_cases.list_orders import ListOrders
from store_order.use_cases.place_order import PlaceOrder
from store_order.use_cases.recover_orders import RecoverOrders
from store_order.use_cases.run_clock import RunClock
from store_order.use_cases.settle_order import SettleOrder
from store_order.use_cases.show_counts import ShowCounts
from store_order.use_cases.summarise_user import SummariseUser
from store_order.use_cases.view_order import ViewOrder


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything outside that the use cases work with."""

    orders: OrderStore
    work: WorkQueue
    payments: Payments
    reservations: Reservations
    carts: Carts
    notifications: Notifications
    signals: Signals
    telemetry: Telemetry
    clock: Clock


def assemble(
    ports: Ports, rules: Rules, background: Background, *, poll_s: float, heartbeat_s: float
) -> UseCases:
    """Return all use cases over these ports."""
    orders, work, clock = ports.orders, ports.work, ports.clock
    journal = Journal(orders, clock, rules, ports.telemetry)
    drive = DriveOrder(orders, ports.reservations, ports.payments, ports.carts, clock, journal, rules)
    settle = SettleOrder(orders, drive, journal, background, ports.signals, clock, rules, poll_s)
    view = ViewOrder(orders)
    advance = AdvanceOrder(ports.reservations, journal)
    due = DueWork(orders, work, clock, rules, ports.telemetry)
    return UseCases(
        place_order=PlaceOrder(orders, work, ports.carts, journal, settle, ports.telemetry),
        view_order=view,
        list_orders=ListOrders(orders, ports.payments),
        cancel_order=CancelOrder(view, journal, settle),
        change_status=ChangeStatus(orders, advance, journal, settle),
        follow_timeline=FollowTimeline(orders, ports.signals, poll_s, heartbeat_s),
        summarise_user=SummariseUser(orders),
        run_clock=RunClock(due, advance, clock),
        recover_orders=RecoverOrders(due, drive, ports.carts, journal, clock, ports.telemetry),
        deliver_notifications=DeliverNotifications(orders, work, due, ports.notifications, clock),
        show_counts=ShowCounts(orders, ports.telemetry),
    )
