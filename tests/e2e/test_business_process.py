"""The whole business through the gateway: register, token, cart, order, delivery."""

import pytest

from tests.support.people import Person
from tests.support.wait import until

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_from_registration_to_an_order(admin: Person, ann: Person) -> None:
    """A customer orders what is in the cart: stock is taken, the price is the catalogue's, the cart is empty."""
    product = await admin.create_product(stock=5, price_minor=1250)
    (await ann.add(product, 2)).expect(200, 201)
    placed = (await ann.order()).expect(201)
    assert (placed["status"], placed["total_minor"], placed["currency"]) == ("CREATED", 2500, "GBP")
    assert (await ann.product(product))["available"] == 3
    assert (await ann.ask("GET", "/api/cart")).expect(200)["items"] == []

    async def told() -> bool:
        news = (await ann.ask("GET", "/api/users/me/notifications")).expect(200)["items"]
        return any(item["order_id"] == placed["id"] and item["status"] == "CREATED" for item in news)

    await until(told, "the customer has been notified")
    summary = (await ann.ask("GET", "/api/users/me/summary")).expect(200)
    assert (summary["orders"], summary["total_spent_minor"]) == (1, 2500)


async def test_cancelled_order_gives_everything_back(admin: Person, ann: Person) -> None:
    """Cancelling returns the goods to stock; cancelling again changes nothing."""
    product = await admin.create_product(stock=3)
    (await ann.add(product, 3)).expect(200, 201)
    placed = (await ann.order()).expect(201)
    for _ in range(2):
        cancelled = (await ann.ask("POST", f"/api/orders/{placed['id']}/cancel")).expect(200)
        assert cancelled["status"] == "CANCELLED"
    assert (await ann.product(product))["available"] == 3


async def test_declined_payment_leaves_no_trace(admin: Person, ann: Person) -> None:
    """A declined card rejects the order; the goods are free and the cart is as it was."""
    product = await admin.create_product(stock=1)
    (await ann.add(product)).expect(200, 201)
    refused = await ann.order(payment_token="tok_decline")
    assert (refused.status, refused.slug) == (402, "payment-declined")
    assert (await ann.product(product))["available"] == 1
    assert len((await ann.ask("GET", "/api/cart")).expect(200)["items"]) == 1


async def test_foreign_order_does_not_exist(admin: Person, ann: Person, bob: Person) -> None:
    """Somebody else's order is 404, whatever is done to it."""
    product = await admin.create_product(stock=1)
    (await ann.add(product)).expect(200, 201)
    placed = (await ann.order()).expect(201)
    for method, path in (("GET", ""), ("GET", "/events"), ("POST", "/cancel")):
        (await bob.ask(method, f"/api/orders/{placed['id']}{path}")).expect(404)
    (await admin.ask("GET", f"/api/orders/{placed['id']}")).expect(200, 404)
