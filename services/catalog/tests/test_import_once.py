import pytest

from services.catalog.tests.serving import Answer, Shop

pytestmark = pytest.mark.anyio


async def note(shop: Shop, state: str, name: str = "online-retail") -> Answer:
    return await shop.call("PUT", f"/api/products/imports/{name}", {"state": state}, shop.admin)


async def test_an_import_is_made_once(shop: Shop) -> None:
    """An empty shop imports; interrupted it is begun again; once it is done it stays done."""
    for _ in range(2):
        answer = await note(shop, "BEGUN")
        assert (answer.status, answer.body) == (200, {"name": "online-retail", "state": "BEGUN"})
        await shop.product(stock=1)
    assert (await note(shop, "DONE")).body["state"] == "DONE"
    assert (await note(shop, "BEGUN")).body["state"] == "DONE"
    assert (await note(shop, "BEGUN")).body["state"] == "DONE"


async def test_a_shop_with_products_of_its_own_imports_nothing(shop: Shop) -> None:
    """A shop that has ever had a product, a deleted one too, is told that nothing is to be imported."""
    product = await shop.product(stock=0)
    headers = shop.admin | {"If-Match": "*"}
    assert (await shop.call("DELETE", f"/api/products/{product['id']}", headers=headers)).status == 204
    assert (await note(shop, "BEGUN")).body["state"] == "DONE"


@pytest.mark.parametrize(("name", "state"), [("Über", "BEGUN"), ("a" * 65, "DONE"), ("x", "HALF")])
async def test_what_cannot_be_noted(shop: Shop, name: str, state: str) -> None:
    """Names and states are bounded."""
    answer = await note(shop, state, name)
    assert (answer.status, answer.slug) == (422, "invalid-input")
