from dataclasses import dataclass
from typing import Any

import pytest
from starlette.requests import Request
from store_kit.http.cursors import Cursors
from store_kit.http.pages import page_response
from store_kit.paging import Page, paged
from store_kit.problems import InvalidCursor

QUERY = "things|red"


@dataclass(frozen=True)
class View:
    items: list[str]
    next_cursor: str | None


@pytest.mark.parametrize(
    ("rows", "page"),
    [
        ([], Page([], None)),
        (["a", "b"], Page(["a", "b"], None)),
        (["a", "b", "c"], Page(["a", "b"], ("b", 1))),
    ],
)
def test_a_row_too_many_says_that_there_is_another_page(rows: list[str], page: Page[str, Any]) -> None:
    """It is not shown; the next page begins behind the last one that is."""
    assert paged(rows, 2, lambda row: (row, 1)) == page


def test_a_cursor_holds_the_position_of_a_page() -> None:
    """It comes back as what it was; the first page has none."""
    cursors = Cursors("key")
    cursor = cursors.following(QUERY, Page(["a"], (7, "a")))
    assert cursors.position(QUERY, cursor, tuple[int, str]) == (7, "a")
    assert cursors.position(QUERY, None, tuple[int, str]) is None
    assert cursors.following(QUERY, Page(["a"], None)) is None


def test_a_cursor_of_another_shape_or_query_is_refused() -> None:
    """Whatever the signature says."""
    cursors = Cursors("key")
    cursor = cursors.encode(QUERY, ("a", 7))
    for query in (QUERY, "things|blue"):
        with pytest.raises(InvalidCursor):
            cursors.position(query, cursor, tuple[int, str])


def test_a_page_names_the_next_one_in_its_head() -> None:
    """The last one names none."""
    request = Request({"type": "http", "path": "/things", "query_string": b"limit=1", "headers": []})
    assert page_response(request, View(["a"], "next")).headers["link"] == (
        '</things?limit=1&cursor=next>; rel="next"'
    )
    assert "link" not in page_response(request, View(["a"], None)).headers
