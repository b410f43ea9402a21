"""What was agreed to is what is bought: races of orders with prices, carts and each other, round after round.

How many rounds is a variable, so that CI runs them all and a laptop a few: STORE_TEST=full.
"""

import asyncio
import os
import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

import aiohttp
import pytest

from tests.chaos.books import audit
from tests.chaos.front import front
from tests.chaos.grounds import promoted
from tests.support.people import PASSWORD, Answer, Person, administrator, customer, customers, final
from tests.support.services import test_cluster
from tests.support.shop import EmbeddedShop, FourServices
from tests.support.wait import until

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
FULL = os.environ.get("STORE_TEST") == "full"
ROUNDS = 8 if not FULL else 200 if test_cluster() is None else 50
LANES = 4
PRICE = 1_000
CALM = {"STORE_ORDER_PROCESSING_AFTER_S": "3600", "STORE_LOG_LEVEL": "warning"}
LOOKS = 3
"""How often another process may look until it knows a new price: it looks each second. One may have been on its way
before the change, the next one is told of it, and has been heard when one more is sent."""
LOOKED = 'http_request_duration_seconds_count{handler="/internal/products/changes"'
CONDITIONS = ("none", "total", "tag")


@dataclass
class Ground:
    """A running shop, its administrator, and a customer for each lane."""

    admin: Person
    buyers: Sequence[Person]
    newcomer: Callable[[], Awaitable[Person]]
    looks: Callable[[], Awaitable[int]] | None
    """How often the cart has looked what has changed; None where it sees changes at once."""


@pytest.fixture(scope="module", params=["embedded", "four"])
async def ground(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Ground]:
    """Run the shop in one process, or in four; whatever was tried there, its books are right in the end."""
    folder = tmp_path_factory.mktemp("agreed")
    async with AsyncExitStack() as stack:
        connector = aiohttp.TCPConnector(limit=0)
        session = await stack.enter_async_context(
            aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        )
        shop: EmbeddedShop | FourServices
        if request.param == "embedded":
            shop = await stack.enter_async_context(EmbeddedShop(folder, CALM))
            admin = await administrator(session, shop.url, shop.data_dir)
            base_url, env = shop.base_url, {}
        else:
            shop = await stack.enter_async_context(FourServices(folder, CALM))
            admin = await promoted(session, shop)
            base_url = await stack.enter_async_context(front(shop.url))
            env = {"STORE_ADMIN_EMAIL": admin.email, "STORE_ADMIN_PASSWORD": PASSWORD}
        yield Ground(
            admin,
            await customers(session, shop.url, LANES),
            partial(customer, session, shop.url),
            None if request.param == "embedded" else partial(looks_at, session, shop),
        )
        report = await audit(base_url, folder, env)
        assert report["ok"], report["violations"]


async def looks_at(session: aiohttp.ClientSession, shop: FourServices | EmbeddedShop) -> int:
    """Return how often the catalogue was asked what has changed."""
    async with session.get(f"{shop.service_url('catalog')}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return int(sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(LOOKED)))


@dataclass
class Round:
    """One buyer with two units of a new product in the cart, at the price that the answer showed."""

    ground: Ground
    buyer: Person
    number: int
    product: str
    shown: int

    @property
    def condition(self) -> str:
        """What the order says of what was agreed to; every kind in turn."""
        return CONDITIONS[self.number % len(CONDITIONS)]

    @property
    def chance(self) -> random.Random:
        """When what happens at the same time happens."""
        return random.Random(self.number)  # noqa: S311 - no secret

    async def look(self) -> str:
        """Look at the cart: what it shows now is what may be charged; return its tag."""
        seen = await self.buyer.ask("GET", "/api/cart")
        self.shown = seen.expect(200)["total_minor"] // 2
        return seen.headers["ETag"]

    async def order(self, *, tag: str | None = None, **body: object) -> Answer:
        """Order, under the round's condition, by `tag` if that is one; return how it ended."""
        key, headers = str(uuid.uuid4()), {}
        if self.condition == "total":
            body["expected_total_minor"] = 2 * self.shown
        elif self.condition == "tag":
            headers["If-Match"] = tag or await self.look()
        sent = {"Idempotency-Key": key, **headers}
        return await final(lambda: self.buyer.ask("POST", "/api/orders", body, headers=sent))

    async def reprice(self, price_minor: int) -> None:
        """Change the price, a moment later or at once."""
        await asyncio.sleep(self.chance.choice((0, 0, 0.001, 0.003, 0.01)))
        path, changes = f"/api/products/{self.product}", {"price_minor": price_minor}
        (await self.ground.admin.ask("PATCH", path, changes, headers={"If-Match": "*"})).expect(200)

    async def in_cart(self) -> dict[str, int]:
        """Return what is in the cart."""
        items = (await self.buyer.ask("GET", "/api/cart")).expect(200)["items"]
        return {item["product_id"]: item["quantity"] for item in items}

    async def must_be_fair(self, answer: Answer, *also_refused: str) -> bool:
        """Check an answer and the cart behind it; return whether the order was placed."""
        if answer.status in (200, 201):
            total = answer.json["total_minor"]
            assert total <= 2 * self.shown, f"charged {total}, shown {2 * self.shown}"
            assert self.condition == "none" or total == 2 * self.shown
            assert self.product not in await self.in_cart()
            return True
        assert answer.status in (402, 409, 412), answer.body
        assert answer.slug in ("price-changed", "precondition-failed", *also_refused), answer.slug
        if "cart" in answer.json:  # a shop that is too busy to look leaves it out
            assert answer.json["cart"]["items"][0]["product_id"] == self.product
        assert (await self.in_cart())[self.product] == 2
        return False


Play = Callable[[Round], Awaitable[str]]


async def rounds(ground: Ground, play: Play, *, stock: int = 10) -> Counter[str]:
    """Play all rounds, some at a time; return how they ended."""
    endings: Counter[str] = Counter()

    async def lane(number: int) -> None:
        buyer = ground.buyers[number]
        for at in range(number, ROUNDS, LANES):
            product = await ground.admin.create_product(stock=stock, price_minor=PRICE)
            (await buyer.ask("DELETE", "/api/cart")).expect(204)
            added = (await buyer.add(product, 2)).expect(200)
            endings[await play(Round(ground, buyer, at, product, added["unit_price_minor"]))] += 1

    await asyncio.gather(*(lane(number) for number in range(LANES)))
    print(f"{play.__name__}: {dict(endings)}")  # noqa: T201
    return endings


async def raised(played: Round) -> str:
    """Raise the price while ordering."""
    answer, _ = await asyncio.gather(played.order(), played.reprice(PRICE + 100))
    return "placed" if await played.must_be_fair(answer) else answer.slug


async def raised_before(played: Round) -> str:
    """Raise the price unseen, then order by what was shown."""
    tag = await played.look() if played.condition == "tag" else None
    await played.reprice(PRICE + 100)
    answer = await played.order(tag=tag)
    assert not await played.must_be_fair(answer)
    assert answer.slug == ("price-changed" if played.condition == "none" else "precondition-failed")
    assert answer.json["cart"]["total_minor"] == 2 * (PRICE + 100)
    return answer.slug


async def lowered(played: Round) -> str:
    """Lower the price while ordering."""
    answer, _ = await asyncio.gather(played.order(), played.reprice(PRICE - 100))
    placed = await played.must_be_fair(answer)
    assert placed or played.condition != "none", "a lower price is refused to nobody who did not say so"
    return "placed" if placed else answer.slug


async def line_added(played: Round) -> str:
    """Put something else into the cart, in another tab, while ordering."""
    other = await played.ground.admin.create_product(stock=10, price_minor=PRICE)

    async def add() -> None:
        await asyncio.sleep(played.chance.choice((0, 0, 0.001, 0.003, 0.006)))
        (await played.buyer.add(other, 1)).expect(200)

    answer, _ = await asyncio.gather(played.order(), add())
    if answer.status not in (200, 201):
        assert answer.slug in ("cart-changed", "precondition-failed"), answer.slug
        assert await played.in_cart() == {played.product: 2, other: 1}
        return answer.slug
    bought = {line["product_id"]: line["quantity"] for line in answer.json["lines"]}
    left = await played.in_cart()
    assert Counter(bought) + Counter(left) == Counter({played.product: 2, other: 1})
    assert answer.json["total_minor"] == PRICE * sum(bought.values())
    if played.condition != "none":
        assert answer.json["total_minor"] == 2 * played.shown
    return "with it" if other in bought else "without it"


async def two_keys(played: Round) -> str:
    """Order twice at once, with two keys."""
    answers = await asyncio.gather(played.order(), played.order())
    placed = [answer for answer in answers if answer.status in (200, 201)]
    (refused,) = [answer for answer in answers if answer.status not in (200, 201)]
    assert len(placed) == 1
    if refused.status == 412:  # the tag was that of the cart already empty
        assert played.condition == "tag"
    else:
        assert (refused.status, refused.slug in ("cart-changed", "empty-cart")) == (409, True), refused.slug
    assert await played.in_cart() == {}
    return refused.slug


async def declined(played: Round) -> str:
    """Pay with a token that is declined; the cart is as before, then a good token buys it."""
    before = (await played.buyer.ask("GET", "/api/cart")).expect(200)["items"]
    answer = await played.order(payment_token="tok_decline")
    assert answer.status == 402
    assert (await played.buyer.ask("GET", "/api/cart")).expect(200)["items"] == before
    assert await played.must_be_fair(await played.order())
    return answer.slug


async def short(played: Round) -> str:
    """Order more than there is, perhaps while somebody else buys; the cart is as before."""
    before = (await played.buyer.ask("GET", "/api/cart")).expect(200)["items"]
    answer = await played.order()
    assert answer.slug == "insufficient-stock"
    assert (await played.buyer.ask("GET", "/api/cart")).expect(200)["items"] == before
    return answer.slug


async def test_a_raised_price_is_charged_to_nobody_who_was_shown_less(ground: Ground) -> None:
    """Whether it rises before the order or in the middle of it: never above what was last shown."""
    await rounds(ground, raised)
    refused = await rounds(ground, raised_before)
    assert set(refused) >= {"price-changed", "precondition-failed"}


async def test_a_lowered_price_is_charged_to_whoever_did_not_ask_for_another(ground: Ground) -> None:
    """Without a condition the lower price counts, with one no other than was agreed to."""
    assert (await rounds(ground, lowered))["placed"] > 0


async def test_a_line_added_elsewhere_is_bought_with_the_rest_or_stays(ground: Ground) -> None:
    """No unit is lost or bought twice; a total that was agreed to is the total."""
    await rounds(ground, line_added)


async def test_of_two_keys_at_once_one_orders(ground: Ground) -> None:
    """One 201 and one 409, every time."""
    assert sum((await rounds(ground, two_keys)).values()) == ROUNDS


async def test_a_declined_order_leaves_the_cart_as_it_was(ground: Ground) -> None:
    """Line by line, with everything that was shown of them."""
    assert await rounds(ground, declined) == {"payment-declined": ROUNDS}


async def test_a_short_order_leaves_the_cart_as_it_was(ground: Ground) -> None:
    """Line by line, with everything that was shown of them."""
    assert await rounds(ground, short, stock=1) == {"insufficient-stock": ROUNDS}


async def test_a_change_by_the_shop_is_seen_by_carts(ground: Ground) -> None:
    """A new price and a deletion: at once in one process, by the next look elsewhere."""
    ann = await ground.newcomer()
    product = await ground.admin.create_product(stock=10, price_minor=100)
    (await ann.add(product)).expect(200)
    path, any_version = f"/api/products/{product}", {"If-Match": "*"}

    async def waited() -> None:
        if ground.looks is None:
            return
        looks, before = ground.looks, await ground.looks()

        async def looked() -> bool:
            return await looks() >= before + LOOKS

        await until(looked, f"the cart has looked {LOOKS} times")

    (await ground.admin.ask("PATCH", path, {"price_minor": 900}, headers=any_version)).expect(200)
    await waited()
    added = (await ground.buyers[0].add(product)).expect(200)
    assert added["unit_price_minor"] == 900
    line = (await ground.buyers[0].ask("GET", "/api/cart")).expect(200)["items"][-1]
    assert (line["price_when_added_minor"], line["price_changed"]) == (900, False)
    (await ground.admin.ask("DELETE", path, headers=any_version)).expect(204)
    await waited()
    assert (await ann.add(product)).slug == "unknown-product"
