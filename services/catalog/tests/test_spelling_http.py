"""What looks the same to people is the same to the catalogue."""

import unicodedata
from pathlib import Path

import pytest
from store_catalog.domain.listing import ListQuery

from services.catalog.tests.index_model import close_all, filled, make
from services.catalog.tests.serving import Shop

pytestmark = pytest.mark.anyio
CAFES = ("Café", "Cafe\u0301", "Café ", "Café\u00a0", "CAFÉ", "caf\u00adé", "Ca\u200dfé")

OLD_ROWS = [make(1, category="Café "), make(2, category="Cafe\u0301"), make(3, category="CAFÉ")]


async def test_a_category_is_one_in_all_its_spellings(shop: Shop) -> None:
    """It is listed once, as the first product wrote it, and each spelling finds all of its products."""
    for number, category in enumerate(CAFES):
        await shop.product(name=f"Cup {number}", category=category)
    listed = (await shop.call("GET", "/api/categories")).body["items"]
    assert [(one["category"], one["count"]) for one in listed] == [("Café", len(CAFES))]
    for category in CAFES:
        found = await shop.call("GET", "/api/products", params={"category": category, "facets": "true"})
        assert found.body["count"] == len(CAFES), category
        assert [one["category"] for one in found.body["facets"]["categories"]] == ["Café"]


async def test_a_cursor_goes_on_in_another_spelling(shop: Shop) -> None:
    """It belongs to the category, not to its letters."""
    for number in range(3):
        await shop.product(name=f"Cup {number}", category="Café")
    first = await shop.call("GET", "/api/products", params={"category": "Café", "limit": 2})
    more = {"category": "CAFÉ ", "limit": 2, "cursor": first.body["next_cursor"]}
    assert len((await shop.call("GET", "/api/products", params=more)).body["items"]) == 1


async def test_categories_written_before_are_found_together(tmp_path: Path) -> None:
    """Rows from before the rule keep their bytes, and are one category all the same."""
    index = await filled(tmp_path, OLD_ROWS)
    try:
        for category in CAFES:
            assert (await index.list_products(ListQuery(category=category), None, 9)).count == 3
        assert [(one.category, one.count) for one in index.list_categories()] == [("Café ", 3)]
    finally:
        await close_all()


async def test_a_sku_with_a_blank_is_the_same_sku(shop: Shop) -> None:
    """`ABC-1 ` meets `ABC-1`, alone and in a batch; a batch that is sent again doubles nothing."""
    made = await shop.product(sku="ABC-1")
    body = {"name": "Mug", "category": "Kitchen", "price_minor": 250, "sku": "ABC-1\u00a0"}
    again = await shop.call("POST", "/api/products", body, shop.admin)
    assert (again.status, again.slug) == (409, "sku-taken")
    batch = await shop.call(
        "POST", "/api/products/batch", {"products": [body | {"sku": " ABC-1 "}]}, shop.admin
    )
    assert batch.body["items"][0]["id"] == made["id"]


@pytest.mark.parametrize("field", ["name", "category", "sku"])
@pytest.mark.parametrize(
    "text", ["\u200b", "   ", "\u3164", "\u2800", "\u0301", "a\u0085b", "a\x9bb", "a\nb"]
)
async def test_what_cannot_be_seen_or_is_a_control_is_refused(shop: Shop, field: str, text: str) -> None:
    """By every route that takes it, with the field named and words for people."""
    body = {"name": "Mug", "category": "Kitchen", "price_minor": 250, field: text}
    for path, sent, named in (
        ("/api/products", body, f"body.{field}"),
        ("/api/products/batch", {"products": [body]}, f"body.products.0.{field}"),
    ):
        answer = await shop.call("POST", path, sent, shop.admin)
        assert (answer.status, answer.fields) == (422, [named]), answer.body
        assert answer.body["errors"][0]["message"].startswith("must "), answer.body


async def test_texts_are_kept_in_one_spelling(shop: Shop) -> None:
    """Composed, trimmed, without bidi overrides; by a batch as by itself."""
    body = {
        "name": " Cafe\u0301 \u202ecup\u202c",
        "category": "Kitchen\u00a0",
        "price_minor": 250,
        "description": "\ufeffHot\n\u200bdrink ",
    }
    for path, sent in (("/api/products", body), ("/api/products/batch", {"products": [body | {"sku": "B"}]})):
        made = await shop.call("POST", path, sent, shop.admin)
        product = made.body if path == "/api/products" else made.body["items"][0]
        shown = (await shop.call("GET", f"/api/products/{product['id']}")).body
        assert shown["name"] == unicodedata.normalize("NFC", "Cafe\u0301 cup")
        assert (shown["category"], shown["description"]) == ("Kitchen", "Hot\ndrink")


async def test_search_sees_what_people_see(shop: Shop) -> None:
    """Invisible characters break no word on either side; a pictograph can be looked for."""
    made = await shop.product(name="Candle\u00adstick 🎁")
    for text in ("candlestick", "candle\u00adstick", "candle\u2060st", "🎁", "🎁\ufe0f candlestick"):
        found = await shop.call("GET", "/api/products", params={"search": text})
        assert [item["id"] for item in found.body["items"]] == [made["id"]], text
