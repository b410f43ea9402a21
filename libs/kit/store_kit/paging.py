"""Pages of a list, in plain Python: use cases return them, routes turn their positions into cursors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
P = TypeVar("P")
T_co = TypeVar("T_co", covariant=True)
P_co = TypeVar("P_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Page(Generic[T_co, P_co]):
    """Some of a list, and where the rest begins."""

    items: Sequence[T_co]
    next_position: P_co | None
    """Behind the last item; None on the last page."""


def paged(rows: Sequence[T], limit: int, position: Callable[[T], P]) -> Page[T, P]:
    """Return a page of at most `limit` rows.

    Args:
        rows: what a store found when it was asked for one row more than `limit`.
        limit: how many a page has.
        position: where the list goes on behind a row.
    """
    items = rows[:limit]
    return Page(items, position(items[-1]) if len(rows) > limit else None)
