"""What the catalogue tells others of changed products, so that they can forget what they knew."""

from typing import Any

import pytest
from store_catalog.adapters.recent_changes import RecentChanges
from store_catalog.domain.products import Product

from services.catalog.tests.serving import Shop

pytestmark = pytest.mark.anyio
PATH = "/internal/products/changes"


async def changes(shop: Shop, after: str = "") -> Any:
    answer = await shop.call("GET", PATH, headers=shop.service, params={"after": after})
    assert answer.status == 200
    return answer.body


def seen(news: Any) -> str:
    return f"{news['source']}.{news['position']}"


async def test_edits_and_deletions_are_told_behind_what_was_seen(shop: Shop) -> None:
    """Each product once; the truth has the change before it is told."""
    product = await shop.product()
    before = seen(await changes(shop))
    path, match = f"/api/products/{product['id']}", {**shop.admin, "If-Match": "*"}
    await shop.call("PATCH", path, {"price_minor": 999}, match)
    await shop.call("DELETE", path, headers=match)
    news = await changes(shop, before)
    assert (news["complete"], news["product_ids"]) == (True, [product["id"]])
    assert (await changes(shop, seen(news)))["product_ids"] == []


@pytest.mark.parametrize("after", ["", "nonsense", "01936c7e-5b7a-7c3e-9f20-3d1f0a9b4c5d.7", "x" * 5_000])
async def test_an_unknown_position_means_that_any_product_may_have_changed(shop: Shop, after: str) -> None:
    """A process that has just started counts from zero; so does one that was never asked."""
    assert (await changes(shop, after))["complete"] is False


async def test_a_position_from_the_future_is_not_believed(shop: Shop) -> None:
    """It is of another life of the process."""
    source = (await changes(shop))["source"]
    assert (await changes(shop, f"{source}.1000"))["complete"] is False


def test_more_changes_than_are_kept_are_any() -> None:
    """Memory is bounded; a caller that comes too late must forget everything."""
    recent = RecentChanges()
    source = recent.list_changes({}).source
    recent.note([Product(f"p{n}", None, "Mug", "", "Kitchen", 1, 1, 1, 1, 1, 1) for n in range(2_001)])
    assert not recent.list_changes({source: 0}).complete
    assert len(recent.list_changes({source: 1}).product_ids) == 2_000


async def test_several_positions_may_be_told(shop: Shop) -> None:
    """Each process of the catalogue finds its own."""
    before = seen(await changes(shop))
    product = await shop.product()
    news = await changes(shop, f"01936c7e-5b7a-7c3e-9f20-3d1f0a9b4c5d.7,{before}")
    assert news["product_ids"] == [product["id"]]


async def test_changes_are_for_services(shop: Shop) -> None:
    """Anonymous 401, people and administrators 403."""
    assert (await shop.call("GET", PATH)).status == 401
    for headers in (shop.customer, shop.admin):
        assert (await shop.call("GET", PATH, headers=headers)).status == 403
