"""What the routes share: the use cases, ids in paths, page parameters, positions in cursors."""

from typing import Annotated, Final, cast

from fastapi import Path, Query, Request
from store_kit.cursors import Cursors
from store_kit.ids import LOWER_CASE, UUID_PATTERN
from store_kit.problems import InvalidCursor

from store_order.ports import Position
from store_order.use_cases import UseCases

KEY_PATTERN: Final = r"^[!-~]+$"
EXAMPLE_ID: Final = "6f1c2a34-5b7d-5e8f-9a0b-1c2d3e4f5a6b"

OrderId = Annotated[
    str, Path(pattern=UUID_PATTERN, examples=[EXAMPLE_ID], description="The order's id, a UUID."), LOWER_CASE
]
Limit = Annotated[int, Query(ge=1, le=100, description="How many orders at most.")]
Cursor = Annotated[
    str | None,
    Query(max_length=2048, description="`next_cursor` of the page before; works with the same filters only."),
]


def use_cases(request: Request) -> UseCases:
    """Return the service's use cases."""
    return cast("UseCases", request.app.state.use_cases)


def position_of(request: Request, query: str, cursor: str | None) -> Position | None:
    """Return where a page begins.

    Raises:
        InvalidCursor: the cursor was altered or belongs to another query.
    """
    if cursor is None:
        return None
    cursors: Cursors = request.app.state.cursors
    match cursors.decode(query, cursor):
        case [int(created_ms), str(order_id)]:
            return created_ms, order_id
    raise InvalidCursor("The cursor belongs to another list.")


def cursor_of(request: Request, query: str, position: Position | None) -> str | None:
    """Return the cursor that continues behind a position."""
    if position is None:
        return None
    cursors: Cursors = request.app.state.cursors
    return cursors.encode(query, position)
