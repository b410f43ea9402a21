import itertools
import sqlite3
from collections.abc import Iterator
from importlib.resources import files

import pytest
from store_catalog.adapters.read_model import queries
from store_catalog.adapters.read_model.queries import Shape
from store_catalog.adapters.read_model.writer import create_indexes
from store_catalog.domain.listing import Sort

SHAPES = [
    Shape(*chosen)
    for chosen in itertools.product(
        [sort for sort in Sort if sort is not Sort.RELEVANCE],
        (False, True),
        (None, True, False),
        (False, True),
        (False, True),
        (False, True),
    )
]
PARAMETERS = (1, 2, 3, "a", 5, 6, '"word"', 21)


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    schema = files("store_catalog") / "schema" / "index" / "0001_index.sql"
    connection.executescript(schema.read_text())
    create_indexes(connection)
    yield connection
    connection.close()


def _plan(connection: sqlite3.Connection, sql: str) -> list[str]:
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", PARAMETERS)]


def _reads(plan: list[str]) -> list[str]:
    return [step for step in plan if step.startswith(("SCAN", "SEARCH"))]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_list_walks_an_index_and_never_sorts(connection: sqlite3.Connection, shape: Shape) -> None:
    """Every keyset page is read in the order of an index, from where the last one ended: no sort, no full scan."""
    plan = _plan(connection, queries.walk(shape))
    assert not [step for step in plan if "TEMP B-TREE" in step]
    assert _reads(plan)
    for step in _reads(plan):
        assert f"SEARCH product USING INDEX {shape.index} (in_stock=?" in step
        assert not shape.category or "category=?" in step


@pytest.mark.parametrize("shape", [s for s in SHAPES if s.behind and s.order is not Sort.NEWEST], ids=str)
def test_a_later_page_starts_where_the_last_one_ended(connection: sqlite3.Connection, shape: Shape) -> None:
    """Behind a product both stretches are sought by its keys: equal ones by rowid, greater ones by the first key."""
    steps = _reads(_plan(connection, queries.walk(shape)))
    assert all(f"{shape.keys[0]}=?" in s or f"{shape.keys[0]}" in s.split("AND", 1)[1] for s in steps)
    assert any("rowid" in step for step in steps)


@pytest.mark.parametrize("shape", [s for s in SHAPES if s.lowest or s.highest], ids=str)
def test_few_prices_are_gathered_by_the_index_of_prices(connection: sqlite3.Connection, shape: Shape) -> None:
    """Sorting a small price range touches that range of an index only."""
    steps = [step for step in _reads(_plan(connection, queries.gather(shape))) if "product" in step]
    assert steps
    assert all("_price (in_stock=?" in step and "price_minor" in step for step in steps)


@pytest.mark.parametrize("shape", [s for s in SHAPES if not s.category and s.order is Sort.NEWEST], ids=str)
def test_a_search_by_age_or_relevance_is_read_in_the_order_of_the_words_index(
    connection: sqlite3.Connection, shape: Shape
) -> None:
    """However many products match, a page of a search reads only as many as it shows."""
    plan = _plan(connection, queries.found(shape))
    assert not [step for step in plan if "TEMP B-TREE" in step]
    assert "SCAN words VIRTUAL TABLE" in plan[0]
    filtered = shape.in_stock is not None or shape.lowest or shape.highest
    tables = ["facts", "product"] if filtered else ["product"]
    assert plan[1:] == [f"SEARCH {table} USING INTEGER PRIMARY KEY (rowid=?)" for table in tables]
