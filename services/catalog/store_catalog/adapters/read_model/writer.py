"""How products get into the read model: a few statements per chunk, whatever its size.

The rows travel as one JSON text and SQLite does the rest: the writer thread then hardly ever needs Python's
lock, which it would otherwise have to win back from the event loop after every row.
"""

# ruff: noqa: S608 - the SQL is put together from constants; every value is a parameter

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from store_kit.http import json_bytes

from store_catalog.adapters.read_model.text import is_listed
from store_catalog.domain import PRICE_STEPS_MINOR

GONE_FOR_MS: Final = 3_600_000
"""How long a deletion is remembered; nothing that was read earlier is still on its way."""
PRICE_RANGE: Final = (
    "CASE "
    + " ".join(f"WHEN price_minor < {step} THEN {index}" for index, step in enumerate(PRICE_STEPS_MINOR))
    + f" ELSE {len(PRICE_STEPS_MINOR)} END"
)
"""The number of a product's price range, in SQL."""
STOCK_BIT: Final = 16
CATEGORY_STEP: Final = 2 * STOCK_BIT
"""A cell is the number of a category, one bit for availability and the number of a price range."""

INDEXES: Final = {
    "product_age": "in_stock",
    "product_category_age": "in_stock, category",
    "product_name": "in_stock, name_key, price_minor",
    "product_category_name": "in_stock, category, name_key, price_minor",
    "product_price": "in_stock, price_minor",
    "product_category_price": "in_stock, category, price_minor",
}
"""One per order, with and without a category. They begin with availability: a list of what is in stock stays
quick when nearly nothing is, and a list of everything merges two walks, which costs 2 us."""

_STAGE: Final = (
    """
    CREATE TEMP TABLE IF NOT EXISTS incoming (
        id TEXT PRIMARY KEY, revision INTEGER, gone INTEGER, n INTEGER, category TEXT, category_key TEXT,
        in_stock INTEGER, price_minor INTEGER, name_key TEXT, item TEXT, name TEXT, rest TEXT,
        known INTEGER, category_id INTEGER
    )
    """,
    "CREATE INDEX IF NOT EXISTS temp.incoming_n ON incoming (n)",
    "DELETE FROM incoming",
)
_COLUMNS: Final = (
    "id, revision, gone, n, category, category_key, in_stock, price_minor, name_key, item, name, rest"
)
_FILL: Final = f"""
INSERT INTO incoming ({_COLUMNS})
SELECT {", ".join(f"json_extract(value, '$[{index}]')" for index in range(_COLUMNS.count(",") + 1))}
FROM json_each(?)
"""
_DROP_OLD: Final = """
DELETE FROM incoming
WHERE EXISTS (SELECT 1 FROM product p WHERE p.id = incoming.id AND p.revision >= incoming.revision)
   OR EXISTS (SELECT 1 FROM gone g WHERE g.id = incoming.id AND g.revision >= incoming.revision)
"""
_NEW_CATEGORIES: Final = """
INSERT OR IGNORE INTO category (key, name)
SELECT category_key, category FROM (SELECT category_key, category, min(n) FROM incoming WHERE NOT gone GROUP BY 1)
"""
"""The name is that of the oldest product: SQLite takes bare columns from the row that has the minimum."""
_PLACE: Final = """
UPDATE incoming SET
    known = EXISTS (SELECT 1 FROM product p WHERE p.id = incoming.id),
    n = coalesce((SELECT p.n FROM product p WHERE p.id = incoming.id), n),
    category_id = (SELECT c.id FROM category c WHERE c.key = incoming.category_key)
"""
_MARK: Final = "UPDATE incoming SET rest = rest || ' \N{SECTION SIGN}' || category_id WHERE NOT gone"
_MAKE_ROOM: Final = """
UPDATE incoming SET n = n + 1
WHERE NOT known AND NOT gone AND (
    EXISTS (SELECT 1 FROM product p WHERE p.n = incoming.n)
    OR EXISTS (SELECT 1 FROM incoming i WHERE i.n = incoming.n AND i.id < incoming.id AND NOT i.gone)
)
"""
_LOSSES: Final = """
SELECT category, in_stock, price_minor, -count(*) FROM product
WHERE n IN (SELECT n FROM incoming WHERE known) GROUP BY 1, 2, 3
"""
_GAINS: Final = """
SELECT category_id, in_stock, price_minor, count(*) FROM incoming WHERE NOT gone GROUP BY 1, 2, 3
"""
_NEW_WORDS: Final = "INSERT OR IGNORE INTO vocabulary (word) SELECT value FROM json_each(?)"
_FORGET: Final = (
    "DELETE FROM facts WHERE n IN (SELECT n FROM incoming WHERE gone AND known)",
    "DELETE FROM words WHERE rowid IN (SELECT n FROM incoming WHERE gone AND known)",
    "DELETE FROM product WHERE n IN (SELECT n FROM incoming WHERE gone AND known)",
)
_STORE_WORDS: Final = """
REPLACE INTO words (rowid, name, rest)
SELECT n, name, rest FROM incoming i WHERE NOT gone
  AND NOT (known AND EXISTS (SELECT 1 FROM words w WHERE w.rowid = i.n AND w.name = i.name AND w.rest = i.rest))
ORDER BY n
"""
_STORE: Final = """
INSERT INTO product (n, id, revision, in_stock, category, price_minor, name_key, item)
SELECT n, id, revision, in_stock, category_id, price_minor, name_key, CAST(item AS BLOB)
FROM incoming WHERE NOT gone ORDER BY n
ON CONFLICT (n) DO UPDATE SET
    revision = excluded.revision, in_stock = excluded.in_stock, category = excluded.category,
    price_minor = excluded.price_minor, name_key = excluded.name_key, item = excluded.item
"""
_STORE_FACTS: Final = f"""
INSERT INTO facts (n, cell, price_minor)
SELECT n, category_id * {CATEGORY_STEP} + in_stock * {STOCK_BIT} + {PRICE_RANGE}, price_minor
FROM incoming WHERE NOT gone ORDER BY n
ON CONFLICT (n) DO UPDATE SET cell = excluded.cell, price_minor = excluded.price_minor
"""
ALL_CATEGORIES: Final = "SELECT id, key, name FROM category"
_THEIR_CATEGORIES: Final = f"{ALL_CATEGORIES} WHERE id IN (SELECT category_id FROM incoming WHERE NOT gone)"
_REMEMBER: Final = "REPLACE INTO gone (id, revision, at_ms) SELECT id, revision, ? FROM incoming WHERE gone"


@dataclass(frozen=True, slots=True)
class Delta:
    """How many products of a category, availability and price there are more (or fewer) now."""

    category: int
    in_stock: bool
    price_minor: int
    count: int


class Category(NamedTuple):
    """A category: its number, the key that all its spellings have, and the one that is shown."""

    number: int
    key: str
    name: str


@dataclass(frozen=True, slots=True)
class Applied:
    """What a chunk changed: the counts. `categories` are those of its products, new ones among them."""

    deltas: list[Delta]
    categories: list[Category]


def apply(connection: sqlite3.Connection, rows: Sequence[tuple[str | int, ...]], now_ms: int) -> Applied:
    """Store the rows (made by `rows.incoming`, ids unique) that are newer than what is there."""
    for statement in _STAGE:
        connection.execute(statement)
    connection.execute(_FILL, (json_bytes(rows).decode(),))
    connection.execute(_DROP_OLD)
    connection.execute(_NEW_CATEGORIES)
    connection.execute(_PLACE)
    connection.execute(_MARK)
    while connection.execute(_MAKE_ROOM).rowcount:
        pass
    losses = connection.execute(_LOSSES).fetchall()
    for statement in (*_FORGET, _STORE_WORDS, _STORE_FACTS, _STORE):
        connection.execute(statement)
    connection.execute(_NEW_WORDS, (json_bytes(_vocabulary(rows)).decode(),))
    if connection.execute(_REMEMBER, (now_ms,)).rowcount:
        connection.execute("DELETE FROM gone WHERE at_ms < ?", (now_ms - GONE_FOR_MS,))
    gains = connection.execute(_GAINS).fetchall()
    categories = [Category(*row) for row in connection.execute(_THEIR_CATEGORIES)]
    return Applied([Delta(c, bool(s), p, n) for c, s, p, n in losses + gains], categories)


def _vocabulary(rows: Sequence[tuple[str | int, ...]]) -> list[str]:
    """Return the words of these rows that a search may begin, each once."""
    texts = (f"{row[-2]} {row[-1]}" for row in rows)
    found = {word for text in texts for word in text.split(" ") if word}
    return sorted(word for word in found if is_listed(word))


def set_pragmas(connection: sqlite3.Connection) -> None:
    """Let the log grow to 16 MB before it is copied back: a bulk load touches the same pages over and over."""
    connection.execute("PRAGMA wal_autocheckpoint = 4000")


def create_indexes(connection: sqlite3.Connection) -> None:
    """Make the indexes that lists walk; after a bulk load this is a tenth of the work of keeping them meanwhile."""
    for name, columns in INDEXES.items():
        connection.execute(f"CREATE INDEX IF NOT EXISTS {name} ON product ({columns})")


def put_meta(connection: sqlite3.Connection, key: str, value: int | str) -> None:
    """Remember something about the index itself."""
    connection.execute("REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))
