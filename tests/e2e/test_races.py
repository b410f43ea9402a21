"""Races through HTTP: whoever comes at the same moment, nothing is sold twice and nobody is charged twice.

How often each race is run is a variable, so that CI runs them all and a laptop a few: STORE_TEST=full.
"""

import asyncio
import os
import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from tests.support.audit import audit
from tests.support.people import NOT_YET, Answer, Person, administrator, customers, final
from tests.support.shop import EmbeddedShop
from tests.support.wait import until

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
FULL = os.environ.get("STORE_TEST") == "full"
LAST_UNIT_ROUNDS = 50 if FULL else 5
CANCELS = 1000 if FULL else 60
HASTY = 400 if FULL else 100
LEGAL = {
    ("PENDING", "CREATED", "PROCESSING", "SHIPPING", "DELIVERED"),
    ("PENDING", "CREATED", "CANCELLING", "CANCELLED"),
    ("PENDING", "CREATED", "PROCESSING", "CANCELLING", "CANCELLED"),
}
FAST_CLOCK = {
    "STORE_ORDER_PROCESSING_AFTER_S": "0.05",
    "STORE_ORDER_SHIPPING_AFTER_S": "0.05",
    "STORE_ORDER_DELIVERY_MIN_S": "0.05",
    "STORE_ORDER_DELIVERY_MAX_S": "0.1",
    "STORE_ORDER_TICK_S": "0.02",
}


@pytest.fixture(scope="module")
async def buyers(shop: EmbeddedShop) -> AsyncIterator[Sequence[Person]]:
    """Return two hundred customers with open connections."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield await customers(session, shop.url, 200)


async def test_last_unit_is_sold_once(admin: Person, buyers: Sequence[Person], shop: EmbeddedShop) -> None:
    """A hundred buyers order the last unit: one gets it, ninety-nine are told so, every time."""
    for _ in range(LAST_UNIT_ROUNDS):
        product = await admin.create_product(stock=1)
        hundred = buyers[:100]
        await asyncio.gather(*(replace_cart(buyer, {product: 1}) for buyer in hundred))
        answers = await asyncio.gather(*(order(buyer) for buyer in hundred))
        assert Counter(answer.status for answer in answers) == {201: 1, 409: 99}
        assert {answer.slug for answer in answers if answer.status == 409} == {"insufficient-stock"}
        assert (await admin.product(product))["available"] == 0
    await audit(shop)


async def test_many_products_many_buyers(admin: Person, buyers: Sequence[Person], shop: EmbeddedShop) -> None:
    """Two hundred buyers order from fifty scarce products at once: units sold never exceed units there were."""
    stock = 12
    products = [await admin.create_product(stock=stock) for _ in range(50)]
    chance = random.Random(50)  # noqa: S311 - which carts collide, no secret
    baskets = [
        {p: chance.randint(1, 3) for p in chance.sample(products, chance.randint(2, 6))} for _ in buyers
    ]
    await asyncio.gather(*(replace_cart(b, basket) for b, basket in zip(buyers, baskets, strict=True)))
    answers = await asyncio.gather(*(order(buyer) for buyer in buyers))
    assert {answer.status for answer in answers} == {201, 409}
    sold: Counter[str] = Counter()
    for answer, basket in zip(answers, baskets, strict=True):
        if answer.status == 201:
            sold.update(basket)
    assert max(sold.values()) <= stock
    for product in products:
        assert (await admin.product(product))["available"] <= stock - sold[product]

    async def given_back() -> bool:
        left = [(await admin.product(product))["available"] for product in products]
        return left == [stock - sold[product] for product in products]

    await until(given_back, "whoever was turned back holds nothing any more")
    await audit(shop)


async def test_one_key_is_one_order(admin: Person, ann: Person) -> None:
    """One Idempotency-Key sent fifty times at once is one order and one charge."""
    product = await admin.create_product(stock=50, price_minor=700)
    await replace_cart(ann, {product: 1})
    key = str(uuid.uuid4())
    answers = await asyncio.gather(*(ann.order(key) for _ in range(50)))
    assert {answer.status for answer in answers} <= {200, 201, *NOT_YET}
    settled = (await final(lambda: ann.order(key))).expect(200)
    ids = {answer.json["id"] for answer in answers if answer.status in (200, 201)}
    assert ids == {settled["id"]}
    assert (await ann.product(product))["available"] == 49
    listed = (await admin.ask("GET", "/api/admin/orders?expand=lines,payment&limit=100")).expect(200)["items"]
    payments = [order["payment"] for order in listed if order["id"] == settled["id"]]
    assert [(p["charges"], p["refunds"], p["amount_minor"]) for p in payments] == [(1, 0, 700)]


async def test_one_email_is_one_account(shop: EmbeddedShop, session: aiohttp.ClientSession) -> None:
    """A hundred registrations of one e-mail, in any case of letters, make one account."""
    nobody = Person(session, shop.url)
    name = uuid.uuid4().hex
    emails = [f"{name}@example.com" if n % 2 else f"{name.upper()}@EXAMPLE.com" for n in range(100)]
    answers = await asyncio.gather(
        *(nobody.ask("POST", "/api/users", {"email": email, "password": "correct horse"}) for email in emails)
    )
    assert Counter(answer.status for answer in answers) == {201: 1, 409: 99}


async def test_parallel_adds_lose_nothing(admin: Person, ann: Person) -> None:
    """A hundred parallel additions of one unit make a hundred units; one key counts once."""
    product = await admin.create_product(stock=500)
    keys = [str(uuid.uuid4()) for _ in range(100)]
    answers = await asyncio.gather(*(add(ann, product, key) for key in [*keys, *[keys[0]] * 20]))
    assert {answer.status for answer in answers} == {200}
    items = (await ann.ask("GET", "/api/cart")).expect(200)["items"]
    assert [item["quantity"] for item in items] == [100]


async def test_cancel_races_the_clock(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Cancelling while the delivery clock runs: every history is legal, and goods and money agree with it."""
    async with (
        EmbeddedShop(tmp_path_factory.mktemp("clock"), FAST_CLOCK) as shop,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
    ):
        admin = await administrator(session, shop.url, shop.data_dir)
        product = await admin.create_product(stock=CANCELS)
        people = await customers(session, shop.url, 20)
        orders: list[tuple[Person, str]] = []
        for start in range(0, CANCELS, len(people)):
            group = people[: CANCELS - start]
            orders += await asyncio.gather(*(order_and_cancel(person, product, start) for person in group))
        endings = Counter([await history_of(person, order) for person, order in orders])
        assert set(endings) <= LEGAL, endings
        assert len(endings) > 1, "the race never went both ways"
        delivered = sum(count for history, count in endings.items() if history[-1] == "DELIVERED")
        assert (await admin.product(product))["available"] == CANCELS - delivered
        await audit(shop)


async def test_a_hasty_sweeper_takes_nothing_from_who_holds_it(tmp_path: Path) -> None:
    """What clears up stuck reservations believes every one to be stuck: an order that went through has its goods.

    Only on Cassandra is a reservation ever on its way for the sweeper to see.
    """
    hasty = {"STORE_CATALOG_PASSING_S": "0.01", "STORE_CATALOG_SWEEP_S": "0.01"}
    async with (
        EmbeddedShop(tmp_path, hasty) as shop,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
    ):
        admin = await administrator(session, shop.url, shop.data_dir)
        products = [await admin.create_product(stock=HASTY) for _ in range(4)]
        people = await customers(session, shop.url, 20)
        placed = 0
        for _ in range(HASTY // len(people)):
            await asyncio.gather(*(replace_cart(person, dict.fromkeys(products, 1)) for person in people))
            answers = await asyncio.gather(*(order(person) for person in people))
            assert {answer.status for answer in answers} <= {201, 409}
            placed += sum(answer.status == 201 for answer in answers)
        assert placed > 0

        async def agree() -> bool:
            left = [(await admin.product(product))["available"] for product in products]
            return left == [HASTY - placed] * len(products)

        await until(agree, f"{placed} orders hold their goods, and nobody else does")
        await audit(shop)


async def order(person: Person) -> Answer:
    """Order what is in the cart, and return how it ended: a repetition tells what a first answer did not know."""
    key = str(uuid.uuid4())
    answer = await final(partial(person.order, key))
    return replace(answer, status=201) if answer.status == 200 else answer


async def add(person: Person, product: str, key: str) -> Answer:
    """Put one unit into the cart, once."""
    return await final(partial(person.add, product, key=key))


async def order_and_cancel(person: Person, product: str, seed: int) -> tuple[Person, str]:
    """Order one unit and cancel it after a moment that differs from order to order."""
    (await person.add(product)).expect(200, 201)
    placed = (await order(person)).expect(201)
    chance = random.Random(f"{seed}{person.email}")  # noqa: S311 - when to cancel, no secret
    await asyncio.sleep(chance.uniform(0, 0.2))
    (await person.ask("POST", f"/api/orders/{placed['id']}/cancel")).expect(200, 202, 409)
    return person, str(placed["id"])


async def history_of(person: Person, order: str) -> tuple[str, ...]:
    """Return the statuses an order went through, once it has come to its end."""
    events: list[str] = []

    async def ended() -> bool:
        items = (await person.ask("GET", f"/api/orders/{order}/events")).expect(200)["items"]
        events[:] = [item["status"] for item in items]
        return events[-1] in ("DELIVERED", "CANCELLED")

    await until(ended, f"order {order} has ended")
    return tuple(dict.fromkeys(events))


async def replace_cart(person: Person, basket: dict[str, int]) -> None:
    """Make the cart hold exactly this."""
    items = [{"product_id": product, "quantity": quantity} for product, quantity in basket.items()]
    (await person.ask("PUT", "/api/cart/items", {"items": items})).expect(200)
