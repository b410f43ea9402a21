"""How products are scanned when they lie in few shards or in many; needs no database."""

from collections.abc import Sequence
from typing import Any

import pytest
from store_catalog.adapters.cassandra.product_rows import ProductRows
from store_catalog.adapters.cassandra.shards import Shards

pytestmark = pytest.mark.anyio
Row = tuple[Any, ...]


class Partitions:
    """What a scan sees of a keyspace: rows by shard, in the order of their ids."""

    def __init__(self, count: int, ids: Sequence[str], deleted: Sequence[str]) -> None:
        self.count = count
        self.reads = 0
        self._rows: dict[int, list[Row]] = {}
        shards = Shards(count)
        shards._count = count
        self.shards = shards
        for product_id in sorted(ids):
            about = ("", "Plate", "", "Kitchen", 100, 1, 0, 0, 3, 1)
            row = (product_id, *about, product_id in deleted)
            self._rows.setdefault(shards.of(product_id), []).append(row)

    async def all(self, _operation: str, _cql: str, params: tuple[int, str, int]) -> list[Row]:
        """Return the next rows of a shard."""
        self.reads += 1
        shard, after, limit = params
        return [row for row in self._rows.get(shard, []) if row[0] > after][:limit]


@pytest.mark.parametrize("count", [1, 3, 64, 65, 200])
@pytest.mark.parametrize("limit", [1, 7, 100, 1_000])
async def test_a_scan_meets_every_live_product_once_in_any_number_of_shards(count: int, limit: int) -> None:
    """Pages are never longer than asked, go on behind what was deleted, and leave nothing out."""
    ids = [f"{number:05}" for number in range(300)]
    deleted = ids[40:160] + ids[::7] + ids[-2:]
    db = Partitions(count, ids, deleted)
    rows = ProductRows(db, db.shards)  # type: ignore[arg-type] # of a keyspace it only needs `all`
    seen: list[str] = []
    while page := await rows.scan(seen[-1] if seen else "", limit):
        assert len(page) <= limit
        seen += [product.id for product in page]
    assert sorted(seen) == sorted(set(ids) - set(deleted))


async def test_a_scan_comes_by_id_and_reads_little_twice() -> None:
    """Up to 64 shards come in one order of ids, and no more than a third of what is read is thrown away."""
    ids = [f"{number:05}" for number in range(20_000)]
    db = Partitions(16, ids, [])
    rows = ProductRows(db, db.shards)  # type: ignore[arg-type] # as above
    seen: list[str] = []
    while page := await rows.scan(seen[-1] if seen else "", 1_000):
        seen += [product.id for product in page]
    assert seen == ids
    assert db.reads * (1_000 // 16) < len(ids) * 1.5
