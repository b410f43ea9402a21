import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_catalog.adapters.read_model.first_pass import FirstPass
from store_catalog.adapters.read_model.index import ReadModel
from store_catalog.domain.listing import ListQuery, Sort
from store_catalog.domain.products import FeedEntry, Product, ProductId
from store_catalog.ports import FeedExpired
from store_catalog.use_cases.follow_feed import BATCH, GIVE_UP_MS, FollowFeed

from services.catalog.tests.index_model import NaiveLists, all_pages, close_all, make, read_model
from tests.support.clock import ManualClock

NOT_USED = "the follower only reads"


class Truth:
    """ProductStore and ChangeFeed in memory; the test decides what becomes visible when."""

    def __init__(self) -> None:
        self.rows: dict[ProductId, Product] = {}
        self.entries: list[FeedEntry] = []
        self.overlap = 0
        self.begins_at = 0
        self.reads: list[int] = []

    def announce(self, product: Product, at_ms: int = 0, position: int | None = None) -> None:
        position = len(self.entries) + 1 if position is None else position
        entry = FeedEntry(position, product.id, product.version, product.stock_version, at_ms)
        self.entries.append(entry)
        self.entries.sort(key=lambda e: e.position)

    def show(self, product: Product) -> None:
        known = self.rows.get(product.id)
        if known is None or known.revision < product.revision:
            self.rows[product.id] = product

    async def newest_position(self) -> int:
        return max((entry.position for entry in self.entries), default=0)

    async def list_entries(self, position: int, limit: int) -> list[FeedEntry]:
        if position < self.begins_at:
            raise FeedExpired(str(position))
        again = [e for e in self.entries if position - self.overlap < e.position <= position]
        return again + [e for e in self.entries if e.position > position][:limit]

    async def delete_entries(self, older_than_ms: int, limit: int) -> int:
        raise NotImplementedError(NOT_USED)

    async def find_products(self, product_ids: Sequence[ProductId]) -> list[Product]:
        self.reads.append(len(product_ids))
        return [self.rows[i] for i in product_ids if i in self.rows]

    async def scan_products(self, after: ProductId, limit: int) -> list[Product]:
        live = [p for i, p in sorted(self.rows.items()) if i > after and not p.deleted]
        return live[:limit]

    async def get_product(self, product_id: ProductId) -> Product:
        raise NotImplementedError(NOT_USED)

    async def insert_products(self, products: Sequence[Any]) -> list[Any]:
        raise NotImplementedError(NOT_USED)

    async def update_product(self, product: Product, expected_version: int) -> Product:
        raise NotImplementedError(NOT_USED)


class Following:
    """A truth, an index and the follower between them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.truth = Truth()
        self.clock = ManualClock()
        self.index: ReadModel = read_model(folder, clock=self.clock)
        self.follow = FollowFeed(self.truth, self.truth, self.index, self.clock)

    async def start(self) -> None:
        await self.index.open()
        while await self.follow():
            pass

    async def restart(self) -> None:
        await self.index.close()
        self.index = read_model(self.folder, clock=self.clock)
        self.follow = FollowFeed(self.truth, self.truth, self.index, self.clock)
        await self.start()

    async def step(self) -> None:
        while await self.follow():
            pass

    async def must_show_the_truth(self) -> None:
        naive = NaiveLists(self.truth.rows.values())
        for product in naive.products.values():
            found = await self.index.list_products(
                ListQuery(search=product.sku or "", sort=Sort.NAME), None, 1
            )
            assert product.name.encode() in found.items[0]
        expected = [p.id for p in naive.matches(ListQuery())]
        assert await all_pages(self.index, ListQuery()) == expected


@pytest.fixture
async def following(tmp_path: Path) -> AsyncIterator[Following]:
    yield Following(tmp_path)
    await close_all()


@pytest.mark.anyio
async def test_a_first_start_reads_the_whole_catalogue(following: Following) -> None:
    """Without an index everything is scanned, in batches, and the feed goes on from before the scan."""
    for number in range(BATCH + 7):
        following.truth.announce(make(number))
        following.truth.show(make(number))
    await following.start()
    await following.must_show_the_truth()
    assert following.index.position == BATCH + 7


@pytest.mark.anyio
async def test_an_announced_change_stays_pending_until_the_truth_shows_it(following: Following) -> None:
    """The feed runs ahead of the truth; the lag says by how much, and the change is not missed."""
    following.truth.show(make(1, version=1))
    await following.start()
    changed = make(1, version=2, name="changed")
    following.truth.announce(changed, at_ms=following.clock.now_ms())
    await following.step()
    following.clock.advance(3)
    await following.step()
    assert following.follow.lag_s() == 3
    following.truth.show(changed)
    await following.step()
    assert following.follow.lag_s() == 0
    await following.must_show_the_truth()


@pytest.mark.anyio
async def test_a_pending_change_survives_a_restart(following: Following) -> None:
    """The position that is remembered never lies behind something that was not applied yet."""
    await following.start()
    following.truth.announce(make(1))
    following.truth.announce(make(2))
    following.truth.show(make(2))
    following.clock.advance(60)
    await following.step()
    following.truth.show(make(1))
    await following.restart()
    await following.must_show_the_truth()


@pytest.mark.anyio
async def test_late_rows_in_an_overlapping_feed_are_seen(following: Following) -> None:
    """A row that slips in behind the position is found when the last minute is read again; repeats cost no reads."""
    following.truth.overlap = 100
    await following.start()
    following.truth.announce(make(2), position=20)
    following.truth.show(make(2))
    await following.step()
    following.truth.announce(make(1), position=10)
    following.truth.show(make(1))
    await following.step()
    await following.must_show_the_truth()
    reads = len(following.truth.reads)
    await following.step()
    assert len(following.truth.reads) == reads


@pytest.mark.anyio
async def test_a_change_that_never_comes_is_given_up(following: Following) -> None:
    """A writer that died between feed and truth does not keep the lag growing for ever."""
    await following.start()
    following.truth.announce(make(1), at_ms=following.clock.now_ms())
    await following.step()
    following.clock.advance(GIVE_UP_MS / 1000 + 1)
    assert following.follow.lag_s() > GIVE_UP_MS / 1000
    await following.step()
    assert following.follow.lag_s() == 0


@pytest.mark.anyio
async def test_a_feed_that_no_longer_reaches_back_means_rebuild(following: Following) -> None:
    """An index older than the feed is rebuilt from a scan; deletions it has missed are gone, too."""
    following.truth.show(make(1))
    following.truth.show(make(2))
    await following.start()
    following.truth.show(make(1, version=2, deleted=True))
    following.truth.announce(make(3), position=50)
    following.truth.show(make(3))
    following.truth.begins_at = 40
    await following.step()
    await following.must_show_the_truth()
    assert following.index.position == 50


@pytest.mark.anyio
async def test_what_this_process_wrote_is_not_read_again(following: Following) -> None:
    """Applied by the writing request, announced by the feed: the truth is not asked."""
    await following.start()
    following.truth.announce(make(1))
    following.truth.show(make(1))
    await following.index.apply_products([make(1)])
    await following.step()
    assert following.truth.reads == []
    await following.must_show_the_truth()


@pytest.mark.anyio
async def test_what_is_offered_counts_as_lag_until_it_is_shown(following: Following) -> None:
    """A batch that waits is not read again, but it is not forgotten either: lag and position wait for it."""
    await following.start()
    following.clock.advance(60)
    following.truth.announce(make(1))
    following.truth.show(make(1))
    following.index.offer_products([make(1)])
    following.clock.advance(2)
    following.follow._polled_at_ms = following.clock.now_ms()
    assert following.follow.lag_s() == 2
    await following.step()
    assert following.truth.reads == []
    following.truth.show(make(2))
    await following.index.apply_products([make(2)])
    await following.index.apply_products([make(2)])
    await following.step()
    assert following.index.backlog_since_ms is None
    await following.must_show_the_truth()


@pytest.mark.anyio
async def test_a_lag_grows_while_the_feed_cannot_be_read(following: Following) -> None:
    """No news is not good news: the lag counts from the last look that worked."""
    await following.start()
    following.clock.advance(30)
    assert following.follow.lag_s() == 30
    await following.step()
    assert following.follow.lag_s() == 0


@pytest.mark.anyio
async def test_a_first_pass_that_takes_long_or_fails_does_not_hold_the_start() -> None:
    """The service starts without lists; the follower of the feed tries again."""
    forever = asyncio.Event()

    async def stuck() -> int:
        await forever.wait()
        return 0

    async def failing() -> int:
        raise OSError("no such disk")

    for follow in (stuck, failing):
        first = FirstPass(follow, wait_s=0.01)
        await first.open()
        await first.close()
    await FirstPass(stuck, wait_s=1).close()


_event = st.tuples(
    st.sampled_from(("announce", "show", "write", "delete", "step", "restart", "rebuild", "late")),
    st.integers(0, 5),
)


class Story:
    """Plays events: what is announced early becomes visible later, some announcements slip in late."""

    def __init__(self, following: Following) -> None:
        self.following = following
        self.truth = following.truth
        self.waiting: list[Product] = []
        self.latest: dict[int, Product] = {}

    async def play(self, event: str, number: int) -> None:
        if event in ("announce", "write", "delete", "late"):
            await self._change(event, number)
        elif event == "show" and self.waiting:
            self.truth.show(self.waiting.pop(number % len(self.waiting)))
        elif event == "step":
            await self.following.step()
        elif event == "restart":
            await self.following.restart()
        elif event == "rebuild":
            await self.following.index.start_over()
            await self.following.step()

    async def _change(self, event: str, number: int) -> None:
        before = self.latest.get(number, make(number, version=0))
        if before.deleted:
            return
        version = before.version + 1
        product = replace(before, version=version, name=f"v{version} of {number}", deleted=event == "delete")
        self.latest[number] = product
        head = await self.truth.newest_position()
        self.truth.announce(product, position=max(1, head - 5) if event == "late" else head + 10)
        if event == "announce":
            self.waiting.append(product)
            return
        self.truth.show(product)
        if event == "write":
            await self.following.index.apply_products([product])

    async def end(self) -> None:
        for product in self.waiting:
            self.truth.show(product)
        await self.following.step()
        await self.following.must_show_the_truth()


@settings(max_examples=60, deadline=None)
@given(st.lists(_event, max_size=40))
def test_whatever_happens_the_index_ends_as_the_truth(events: list[tuple[str, int]]) -> None:
    """Announcements out of order, changes that come late, restarts, rebuilds: nothing is lost or comes back."""

    async def run(folder: Path) -> None:
        story = Story(Following(folder))
        story.truth.overlap = 1_000
        try:
            await story.following.start()
            for event, number in events:
                await story.play(event, number)
            await story.end()
        finally:
            await close_all()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))
