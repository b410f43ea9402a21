"""How an order gets from its first step to where it may stay, whichever process dies on the way."""

from dataclasses import dataclass

from store_order.saga.advance import AdvanceOrder
from store_order.saga.complete import CompleteOrder
from store_order.saga.drive import TROUBLE, Driven, DriveOrder
from store_order.saga.due_work import DueWork, newest_versions
from store_order.saga.in_hand import Pace, WorkInHand
from store_order.saga.journal import Journal

__all__ = [
    "TROUBLE",
    "AdvanceOrder",
    "CompleteOrder",
    "DriveOrder",
    "Driven",
    "DueWork",
    "Journal",
    "Pace",
    "Saga",
    "WorkInHand",
    "newest_versions",
]


@dataclass(frozen=True, slots=True)
class Saga:
    """The table of contents."""

    journal: Journal
    drive: DriveOrder
    complete: CompleteOrder
    advance: AdvanceOrder
    due: DueWork
