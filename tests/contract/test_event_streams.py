"""The timeline of an order as a stream of server-sent events, through the gateway."""

import asyncio
import signal
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
import pytest

from tests.contract.ending import exit_code, tell
from tests.support.people import Person, administrator, customer
from tests.support.shop import EmbeddedShop
from tests.support.wait import until

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
FAST_CLOCK: Final = {
    "STORE_ORDER_PROCESSING_AFTER_S": "0.3",
    "STORE_ORDER_SHIPPING_AFTER_S": "0.3",
    "STORE_ORDER_DELIVERY_MIN_S": "0.3",
    "STORE_ORDER_DELIVERY_MAX_S": "0.4",
    "STORE_ORDER_TICK_S": "0.02",
    "STORE_ORDER_STREAMS_PER_ACCOUNT": "50",
}
WHOLE: Final = ["PENDING", "CREATED", "PROCESSING", "SHIPPING", "DELIVERED"]


@dataclass(frozen=True, slots=True)
class Sent:
    """One server-sent event."""

    id: str
    event: str
    data: dict[str, Any]


@pytest.fixture(scope="module")
async def fast(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedShop]:
    """Run a shop that delivers in about a second."""
    async with EmbeddedShop(tmp_path_factory.mktemp("fast"), FAST_CLOCK) as running:
        yield running


@pytest.fixture
async def buyer(session: aiohttp.ClientSession, fast: EmbeddedShop) -> Person:
    """Return a customer with something in the cart."""
    return await with_cart(session, fast)


async def with_cart(session: aiohttp.ClientSession, shop: EmbeddedShop) -> Person:
    """Return a new customer who has put a new product into the cart."""
    admin = await administrator(session, shop.url, shop.data_dir)
    person = await customer(session, shop.url)
    (await person.add(await admin.create_product(stock=5))).expect(200)
    return person


async def stream(person: Person, order: str, last_event_id: str | None = None) -> AsyncGenerator[Sent, None]:
    """Yield the events of an order until the shop ends the stream."""
    headers = {**person.headers, "Accept": "text/event-stream"}
    if last_event_id is not None:
        headers["Last-Event-ID"] = last_event_id
    url = person.url(f"/api/orders/{order}/events")
    async with person.session.get(url, headers=headers) as response:
        assert response.status == 200, await response.text()
        assert response.headers["Content-Type"].startswith("text/event-stream")
        assert response.headers["Cache-Control"] == "no-store"
        fields: dict[str, str] = {}
        async for line in response.content:
            text = line.decode().rstrip("\r\n")
            if text and not text.startswith(":"):
                name, _, value = text.partition(": ")
                fields[name] = value
            elif fields:
                yield Sent(fields["id"], fields["event"], msgspec.json.decode(fields["data"]))
                fields = {}


async def test_until_delivered(buyer: Person) -> None:
    """Every change of the status is sent as it comes, in order, as the timeline has it; then the stream ends."""
    order = (await buyer.order()).expect(201)["id"]
    events = [event async for event in stream(buyer, order)]
    assert [event.event for event in events] == WHOLE
    timeline = (await buyer.ask("GET", f"/api/orders/{order}/events")).expect(200)["items"]
    assert [event.data for event in events] == timeline
    assert [event.id for event in events] == [str(item["id"]) for item in timeline]
    assert (await buyer.ask("GET", f"/api/orders/{order}")).expect(200)["status"] == "DELIVERED"


async def test_a_lost_connection_loses_no_event(buyer: Person) -> None:
    """Reconnecting after every single event with Last-Event-ID gives each event once."""
    order = (await buyer.order()).expect(201)["id"]
    seen: list[Sent] = []
    while not seen or seen[-1].event != "DELIVERED":
        last = seen[-1].id if seen else None
        async with aclosing(stream(buyer, order, last)) as events:
            seen.append(await anext(events))
    assert [event.event for event in seen] == WHOLE
    headers = {"Accept": "text/event-stream", "Last-Event-ID": seen[-1].id}
    assert (await buyer.ask("GET", f"/api/orders/{order}/events", headers=headers)).status == 204


@pytest.mark.parametrize("odd", ["x", "-1", "99999999999999999999", "1.5", "", "1 OR 1=1"])
async def test_an_odd_last_event_id_begins_at_the_beginning(buyer: Person, odd: str) -> None:
    """What is no id of an event has seen nothing."""
    order = (await buyer.order()).expect(201)["id"]
    async with aclosing(stream(buyer, order, odd)) as events:
        assert (await anext(events)).event == "PENDING"


async def test_many_watch_one_order(buyer: Person) -> None:
    """Fifty streams of one order all tell all of it."""
    order = (await buyer.order()).expect(201)["id"]

    async def watched() -> list[str]:
        return [event.event async for event in stream(buyer, order)]

    assert await asyncio.gather(*(watched() for _ in range(50))) == [WHOLE] * 50


async def test_an_account_follows_so_many_at_once(session: aiohttp.ClientSession, shop: EmbeddedShop) -> None:
    """The twenty-first stream of an account is 429; another account is not meant; one that ended makes room."""
    person, other = await with_cart(session, shop), await with_cart(session, shop)
    order, others = [(await who.order()).expect(201)["id"] for who in (person, other)]
    asked = {"Accept": "text/event-stream"}
    path = f"/api/orders/{order}/events"
    async with AsyncExitStack() as open_streams:
        for _ in range(19):
            await anext(await open_streams.enter_async_context(aclosing(stream(person, order))))
        async with aclosing(stream(person, order)) as last:
            await anext(last)
            refused = await person.ask("GET", path, headers=asked)
            assert (refused.status, refused.slug) == (429, "too-many-requests")
            assert refused.headers["Retry-After"] == "5"
            assert (await person.ask("GET", path)).status == 200
            async with aclosing(stream(other, others)) as events:
                await anext(events)

        async def has_room() -> bool:
            async with session.get(person.url(path), headers={**person.headers, **asked}) as response:
                return response.status == 200

        await until(has_room, "the stream that was closed has made room")


async def test_nobody_else_watches(buyer: Person, session: aiohttp.ClientSession, fast: EmbeddedShop) -> None:
    """A stream needs the same right as the list: 404 for another customer, 401 for nobody."""
    order = (await buyer.order()).expect(201)["id"]
    asked = {"Accept": "text/event-stream"}
    other = await customer(session, fast.url)
    path = f"/api/orders/{order}/events"
    assert (await other.ask("GET", path, headers=asked)).status == 404
    assert (await Person(session, fast.url).ask("GET", path, headers=asked)).status == 401


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
async def test_streams_end_with_the_shop(
    ending: signal.Signals, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """On SIGTERM and on Ctrl-C open streams end in order, and do not keep the shop from ending."""
    async with EmbeddedShop(tmp_path) as shop:
        person = await with_cart(session, shop)
        order = (await person.order()).expect(201)["id"]
        seen: list[str] = []

        async def watch() -> None:
            async for event in stream(person, order):
                seen.append(event.event)  # noqa: PERF401 - each is seen when it comes, not all at the end

        watching = [asyncio.create_task(watch()) for _ in range(5)]
        await until(lambda: len(seen) >= 10, "each stream has told the beginning")
        tell(shop, ending)
        await asyncio.wait_for(asyncio.gather(*watching), 10)
        assert await exit_code(shop) == 0
        assert "Drained and stopped." in shop.process.output()
