"""The administrators' routes, the timeline and its stream, on the real service."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from store_kit.clock import rfc3339
from store_kit.problems import PeerUnavailable
from store_order.settings import OrderSettings

from services.order.tests.serving import Shop, order_shop

pytestmark = pytest.mark.anyio


async def set_status(shop: Shop, order: Any, status: str, etag: str | None = None) -> tuple[int, Any]:
    headers = {"If-Match": etag or f'"{order["version"]}"'}
    path = f"/api/admin/orders/{order['id']}/status"
    code, body, _ = await shop.admin("PUT", path, headers=headers, body={"status": status})
    return code, body


async def events_of(response: aiohttp.ClientResponse) -> list[dict[str, str]]:
    """Return the events of a stream that has ended; comments come as {"comment": text}."""
    events = []
    for block in (await response.text()).split("\n\n"):
        if block:
            pairs = [line.partition(": ") for line in block.split("\n")]
            events.append({(name or "comment"): value for name, _, value in pairs})
    return events


async def test_an_administrator_moves_an_order_to_its_delivery(shop: Shop) -> None:
    """Each legal step by hand; goods become sold when it ships, not before."""
    order = await shop.ordered()
    for status in ("PROCESSING", "SHIPPING", "DELIVERED"):
        code, order = await set_status(shop, order, status)
        assert (code, order["status"]) == (200, status)
        assert shop.reservations.sold["cup"] == (0 if status == "PROCESSING" else 2)
    assert order["next_status"] is None


async def test_an_administrator_cancels(shop: Shop) -> None:
    """By the same use case as the customer: goods and money go back."""
    order = await shop.ordered()
    code, cancelled = await set_status(shop, order, "CANCELLED")
    assert (code, cancelled["status"]) == (200, "CANCELLED")
    assert shop.reservations.available["cup"] == 1_000
    code, again = await set_status(shop, cancelled, "CANCELLED")
    assert (code, again["status"]) == (200, "CANCELLED")


@pytest.mark.parametrize("status", ["SHIPPING", "DELIVERED", "PENDING", "REJECTED", "CANCELLING"])
async def test_an_illegal_transition_is_409(shop: Shop, status: str) -> None:
    """Steps cannot be skipped, and passing states not be set."""
    code, problem = await set_status(shop, await shop.ordered(), status)
    assert code == 409
    assert problem["type"].endswith("#illegal-transition")


async def test_an_edit_names_the_version_it_has_seen(shop: Shop) -> None:
    """428 without If-Match, 412 with an old one, 422 for a status that does not exist."""
    order = await shop.ordered()
    path = f"/api/admin/orders/{order['id']}/status"
    assert (await shop.admin("PUT", path, body={"status": "PROCESSING"}))[0] == 428
    assert (await set_status(shop, order, "PROCESSING", '"1"'))[0] == 412
    assert (await set_status(shop, order, "LOST"))[0] == 422


async def test_shipping_waits_for_a_dead_catalogue(shop: Shop) -> None:
    """The order is SHIPPING; DELIVERED is 503 until the catalogue has acknowledged."""
    order = await shop.ordered()
    _, order = await set_status(shop, order, "PROCESSING")
    shop.faults["reservations"].before = {"ship_goods": PeerUnavailable("gone")}
    code, order = await set_status(shop, order, "SHIPPING")
    assert (code, order["status"], order["next_status_at"]) == (200, "SHIPPING", None)
    assert (await set_status(shop, order, "DELIVERED"))[0] == 503
    shop.faults["reservations"].before = {}
    code, order = await set_status(shop, order, "DELIVERED")
    assert (code, order["status"]) == (200, "DELIVERED")
    assert shop.reservations.sold["cup"] == 2


async def test_everybodys_orders_by_day_and_status(shop: Shop) -> None:
    """Pages of all customers' orders, with lines and payment when asked for."""
    first = await shop.ordered("a", "alice")
    await shop.ordered("b", "bob")
    today = first["created_at"][:10]
    _, page, _ = await shop.admin(
        "GET", f"/api/admin/orders?day={today}&status=CREATED&expand=lines,payment&limit=1"
    )
    (item,) = page["items"]
    assert item["payment"] == {"state": "CHARGED", "amount_minor": 500, "charges": 1, "refunds": 0}
    assert sum(line["line_total_minor"] for line in item["lines"]) == item["total_minor"]
    _, rest, _ = await shop.admin(
        "GET", f"/api/admin/orders?day={today}&status=CREATED&limit=1&cursor={page['next_cursor']}"
    )
    assert {item["user_id"], rest["items"][0]["user_id"]} == {"alice", "bob"}
    assert rest["items"][0]["lines"] is None
    assert rest["next_cursor"] is None
    for empty in ("0001-01-01", "2001-02-03", "9999-12-31"):
        _, none, _ = await shop.admin("GET", f"/api/admin/orders?day={empty}")
        assert none["items"] == []


@pytest.mark.parametrize("query", ["day=2026-13-01", "day=x", "expand=user", "status=x", "limit=0"])
async def test_a_bad_filter_is_422(shop: Shop, query: str) -> None:
    """Days, statuses and expansions are checked."""
    status, _, _ = await shop.admin("GET", f"/api/admin/orders?{query}")
    assert status == 422


async def test_the_timeline_is_a_list(shop: Shop) -> None:
    """Every change of status with its time, oldest first."""
    order = await shop.ordered()
    await shop.call("POST", f"/api/orders/{order['id']}/cancel")
    _, timeline, _ = await shop.call("GET", f"/api/orders/{order['id']}/events")
    assert [e["status"] for e in timeline["items"]] == ["PENDING", "CREATED", "CANCELLING", "CANCELLED"]
    ids = [e["id"] for e in timeline["items"]]
    assert ids == sorted(ids)
    assert timeline["items"][0]["at"] == order["created_at"]


async def test_a_stream_tells_changes_as_they_come_and_ends_with_the_order(shop: Shop) -> None:
    """Server-sent events: what was, then what happens; heartbeats in between; the end when it is final."""
    order = await shop.ordered()
    headers = {"Accept": "text/event-stream", **shop.issuer.headers("alice")}
    async with shop.client.get(f"/api/orders/{order['id']}/events", headers=headers) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        while b": ping" not in await response.content.readline():
            pass
        await shop.call("POST", f"/api/orders/{order['id']}/cancel")
        events = [e for e in await events_of(response) if "event" in e]
    assert [e["event"] for e in events] == ["CANCELLING", "CANCELLED"]
    data = json.loads(events[-1]["data"])
    assert (data["status"], str(data["id"])) == ("CANCELLED", events[-1]["id"])


async def test_a_stream_resumes_where_it_was(shop: Shop) -> None:
    """Last-Event-ID misses and repeats nothing; a finished story is 204, which stops an EventSource."""
    order = await shop.ordered()
    await shop.call("POST", f"/api/orders/{order['id']}/cancel")
    path = f"/api/orders/{order['id']}/events"
    accept = {"Accept": "text/event-stream", **shop.issuer.headers("alice")}
    async with shop.client.get(path, headers={**accept, "Last-Event-ID": str(order["version"])}) as response:
        events = await events_of(response)
    assert [e["event"] for e in events] == ["CANCELLING", "CANCELLED"]
    async with shop.client.get(path, headers={**accept, "Last-Event-ID": events[-1]["id"]}) as response:
        assert response.status == 204
    for garbage in ("x", "-1", "9" * 30):
        async with shop.client.get(path, headers={**accept, "Last-Event-ID": garbage}) as response:
            assert len(await events_of(response)) == 4


async def test_streams_end_when_the_service_drains(shop: Shop) -> None:
    """Draining ends every stream."""
    order = await shop.ordered()
    headers = {"Accept": "text/event-stream", **shop.issuer.headers("alice")}
    async with shop.client.get(f"/api/orders/{order['id']}/events", headers=headers) as response:
        await response.content.readline()
        shop.service.begin_drain()
        async with asyncio.timeout(10):
            await response.read()


async def test_an_order_is_delivered_by_itself_and_its_customer_told(settings: OrderSettings) -> None:
    """The clock brings an order from CREATED to DELIVERED; every step reaches the user service once."""
    quick = settings.model_copy(
        update={
            "order_processing_after_s": 0.02,
            "order_shipping_after_s": 0.02,
            "order_delivery_min_s": 0.02,
            "order_delivery_max_s": 0.05,
        }
    )
    async with order_shop(quick) as shop:
        order = await shop.ordered()
        headers = {"Accept": "text/event-stream", **shop.issuer.headers("alice")}
        async with shop.client.get(f"/api/orders/{order['id']}/events", headers=headers) as response:
            story = [e["event"] for e in await events_of(response) if "event" in e]
        assert story == ["PENDING", "CREATED", "PROCESSING", "SHIPPING", "DELIVERED"]
        async with asyncio.timeout(30):
            while len(shop.notifications.received) < 4:
                await shop.service.app.state.api.use_cases.deliver_notifications()
        told = sorted(shop.notifications.received.values(), key=lambda n: n.at_ms)
        assert [n.status for n in told] == story[1:]
        assert {n.user_id for n in told} == {"alice"}
        assert rfc3339(told[0].at_ms) >= order["created_at"]
        assert shop.reservations.sold["cup"] == 2


async def test_a_restarted_service_knows_everything(settings: OrderSettings) -> None:
    """Orders, payments, counts and repeats survive a restart on the same folder."""
    async with order_shop(settings) as shop:
        order = await shop.ordered()
    async with order_shop(settings) as shop:
        status, again, _ = await shop.place()
        assert (status, again) == (200, order)
        await shop.service.app.state.api.use_cases.show_counts()
        async with shop.client.get("/metrics") as response:
            assert 'store_orders_in_status{status="CREATED"} 1.0' in await response.text()
