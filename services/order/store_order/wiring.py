"""How the use cases hang together, whatever the adapters are."""

from dataclasses import dataclass, replace

from store_kit.counting import counted_by_outcome

from store_order.domain import Queue, Rules
from store_order.ports import (
    Background,
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
from store_order.saga import AdvanceOrder, CompleteOrder, DriveOrder, DueWork, Journal, Saga, WorkInHand
from store_order.use_cases import (
    CancelOrder,
    ChangeStatus,
    DeliverNotifications,
    FollowTimeline,
    ListOrders,
    PlaceOrder,
    RecoverOrders,
    RunClock,
    ShowCounts,
    SummariseUser,
    UseCases,
    ViewOrder,
)


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
    background: Background
    telemetry: Telemetry
    clock: Clock


def use_cases_of(ports: Ports, rules: Rules, *, poll_s: float, heartbeat_s: float) -> UseCases:
    """Return all use cases over these ports."""
    orders, work, clock, telemetry = ports.orders, ports.work, ports.clock, ports.telemetry
    saga = _saga_of(ports, rules, poll_s=poll_s)
    journal, complete, due = saga.journal, saga.complete, saga.due
    place = PlaceOrder(orders=orders, work=work, carts=ports.carts, journal=journal, complete=complete)
    view = ViewOrder(orders=orders)
    cancel = CancelOrder(view=view, journal=journal, complete=complete)

    def recovering(queue: Queue) -> WorkInHand:
        return WorkInHand(due, queue, orders.find_orders, RecoverOrders.pace)

    recover = RecoverOrders(
        orders=orders,
        in_hand=recovering(Queue.RECOVERY),
        drive=saga.drive,
        carts=ports.carts,
        journal=journal,
        clock=clock,
        rules=rules,
        telemetry=telemetry,
    )
    return UseCases(
        place_order=counted_by_outcome(place, telemetry.count_checkout),
        view_order=view,
        list_orders=ListOrders(orders=orders, payments=ports.payments),
        cancel_order=cancel,
        change_status=ChangeStatus(view=view, cancel=cancel, advance=saga.advance, complete=complete),
        follow_timeline=FollowTimeline(
            orders=orders,
            view=view,
            signals=ports.signals,
            clock=clock,
            poll_s=poll_s,
            heartbeat_s=heartbeat_s,
        ),
        summarise_user=SummariseUser(orders=orders),
        run_clock=RunClock(
            in_hand=WorkInHand(due, Queue.CLOCK, orders.recall_orders, RunClock.pace),
            orders=orders,
            advance=saga.advance,
            clock=clock,
        ),
        recover_orders=recover,
        recover_older_orders=replace(recover, in_hand=recovering(Queue.OLDER_RECOVERY)),
        deliver_notifications=DeliverNotifications(
            orders=orders, work=work, due=due, notifications=ports.notifications, clock=clock
        ),
        show_counts=ShowCounts(orders=orders, telemetry=telemetry),
    )


def _saga_of(ports: Ports, rules: Rules, *, poll_s: float) -> Saga:
    orders, clock = ports.orders, ports.clock
    journal = Journal(orders=orders, clock=clock, rules=rules, telemetry=ports.telemetry)
    drive = DriveOrder(
        orders=orders,
        reservations=ports.reservations,
        payments=ports.payments,
        carts=ports.carts,
        clock=clock,
        journal=journal,
        rules=rules,
    )
    complete = CompleteOrder(
        orders=orders,
        drive=drive,
        journal=journal,
        background=ports.background,
        signals=ports.signals,
        clock=clock,
        rules=rules,
        poll_s=poll_s,
    )
    return Saga(
        journal=journal,
        drive=drive,
        complete=complete,
        advance=AdvanceOrder(reservations=ports.reservations, work=ports.work, journal=journal, rules=rules),
        due=DueWork(orders=orders, work=ports.work, clock=clock, rules=rules, telemetry=ports.telemetry),
    )
