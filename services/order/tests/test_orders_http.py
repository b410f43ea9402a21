"""Orders over HTTP: the real service on a free port."""

import asyncio
from typing import Any

import pytest
from store_kit.problems import OutcomeUnknown, PeerUnavailable

from services.order.tests.serving import Shop
from tests.support.wait import until

pytestmark = pytest.mark.anyio
FOREIGN = "00000000-0000-5000-8000-000000000000"


def slug(problem: Any) -> str:
    return str(problem["type"]).partition("#")[2]


async def test_an_order_is_placed_priced_and_shown(shop: Shop) -> None:
    """201 with the priced lines, total, ETag and Location; the cart is empty, the stock held."""
    shop.carts.put("alice", "cup", 3)
    status, order, headers = await shop.place()
    assert status == 201
    assert headers["Location"] == f"/api/orders/{order['id']}"
    assert headers["ETag"] == f'"{order["version"]}"'
    assert (order["status"], order["total_minor"], order["currency"]) == ("CREATED", 750, "GBP")
    assert order["next_status"] == "PROCESSING"
    assert order["next_status_at"] > order["created_at"]
    assert order["lines"] == [
        {
            "product_id": "cup",
            "sku": None,
            "name": "Name of cup",
            "quantity": 3,
            "unit_price_minor": 250,
            "line_total_minor": 750,
        }
    ]
    assert "alice" not in shop.carts.items
    assert shop.reservations.available["cup"] == 997
    status, again, _ = await shop.call("GET", f"/api/orders/{order['id']}")
    assert (status, again) == (200, order)


async def test_a_repeat_with_the_same_key_is_the_same_order(shop: Shop) -> None:
    """200 and the same order, though the cart has changed since."""
    order = await shop.ordered()
    shop.carts.put("alice", "plate", 1)
    status, again, headers = await shop.place()
    assert (status, again["id"]) == (200, order["id"])
    assert "Location" not in headers


async def test_fifty_twins_make_one_order(shop: Shop) -> None:
    """One key fifty times in parallel: one 201, the others 200, one charge."""
    shop.carts.put("alice", "cup", 1)
    answers = await asyncio.gather(*(shop.place() for _ in range(50)))
    assert sorted(status for status, _, _ in answers) == [200] * 49 + [201]
    assert len({order["id"] for _, order, _ in answers}) == 1
    _, page, _ = await shop.admin("GET", "/api/admin/orders?expand=payment")
    assert [item["payment"]["charges"] for item in page["items"]] == [1]


async def test_the_same_key_with_another_body_is_refused(shop: Shop) -> None:
    """422: a key belongs to one request."""
    await shop.ordered()
    status, problem, _ = await shop.place(payment_token="tok_decline")
    assert (status, slug(problem)) == (422, "idempotency-key-reused")


async def test_the_same_key_of_another_customer_is_another_order(shop: Shop) -> None:
    """Keys are each customer's own."""
    assert (await shop.ordered(who="alice"))["id"] != (await shop.ordered(who="bob"))["id"]


@pytest.mark.parametrize("key", ["x" * 256, "with space", "caf\xe9"])
async def test_a_bad_key_is_refused(shop: Shop, key: str) -> None:
    """422 for keys that are not 1 to 255 visible ASCII characters."""
    status, problem, _ = await shop.place(key)
    assert (status, slug(problem)) == (422, "invalid-input")


async def test_a_missing_key_is_refused(shop: Shop) -> None:
    """400: placing an order must be safe to repeat."""
    status, problem, _ = await shop.call("POST", "/api/orders", body={})
    assert (status, slug(problem)) == (400, "idempotency-key-missing")


@pytest.mark.parametrize("body", [b"", b" null "])
async def test_a_body_is_not_needed(shop: Shop, body: bytes) -> None:
    """Without a body the order is paid by the token that approves."""
    shop.carts.put("alice", "cup", 1)
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json", **shop.issuer.headers("alice")}
    async with shop.client.post("/api/orders", data=body, headers=headers) as response:
        assert response.status == 201


@pytest.mark.parametrize(
    ("body", "kind", "expected"), [(b"{", "application/json", 400), (b"{}", "text/plain", 415)]
)
async def test_a_body_that_is_no_json_is_refused(shop: Shop, body: bytes, kind: str, expected: int) -> None:
    """400 for broken JSON, 415 for another media type."""
    headers = {"Idempotency-Key": "k", "Content-Type": kind, **shop.issuer.headers("alice")}
    async with shop.client.post("/api/orders", data=body, headers=headers) as response:
        assert response.status == expected


@pytest.mark.parametrize(
    "body", [{"total_minor": 1}, {"payment_token": "tok_free"}, {"payment_token": 1}, [], "text"]
)
async def test_an_unknown_body_is_refused(shop: Shop, body: object) -> None:
    """422 for unknown fields, tokens and shapes; prices never come from a client."""
    status, problem, _ = await shop.call("POST", "/api/orders", headers={"Idempotency-Key": "k"}, body=body)
    assert (status, slug(problem)) == (422, "invalid-input")


async def test_an_empty_cart_is_refused(shop: Shop) -> None:
    """409, and the key may be used again."""
    status, problem, _ = await shop.place()
    assert (status, slug(problem)) == (409, "empty-cart")
    await shop.ordered()


async def test_too_little_stock_is_refused_and_stays_so(shop: Shop) -> None:
    """409 with what is there of each short line, on the repeat too; nothing is held or charged."""
    shop.carts.put("alice", "plate", 6)
    status, problem, _ = await shop.place()
    assert (status, slug(problem)) == (409, "insufficient-stock")
    assert problem["lines"] == [{"product_id": "plate", "requested": 6, "available": 5}]
    status, again, _ = await shop.place()
    assert (status, again | {"trace_id": ""}) == (409, problem | {"trace_id": ""})
    status, order, _ = await shop.call("GET", f"/api/orders/{problem['order_id']}")
    assert (status, order["status"], order["total_minor"]) == (200, "REJECTED", None)
    assert shop.reservations.available["plate"] == 5
    assert shop.carts.items["alice"] == {"plate": 6}


async def test_a_declined_payment_is_402_and_gives_the_goods_back(shop: Shop) -> None:
    """402, on the repeat too; the stock is free again and nothing is charged."""
    shop.carts.put("alice", "cup", 2)
    for _ in range(2):
        status, problem, _ = await shop.place(payment_token="tok_decline")
        assert (status, slug(problem)) == (402, "payment-declined")
    assert shop.reservations.available["cup"] == 1_000
    _, page, _ = await shop.admin("GET", "/api/admin/orders?expand=payment")
    assert page["items"][0]["payment"] == {"state": "VOIDED", "amount_minor": 500, "charges": 0, "refunds": 0}


async def test_a_lost_answer_of_the_provider_is_read_back(shop: Shop) -> None:
    """The charge happened, so the order is placed."""
    shop.carts.put("alice", "cup", 1)
    status, order, _ = await shop.place(payment_token="tok_timeout")
    assert (status, order["status"]) == (201, "CREATED")


async def test_a_charge_of_unknown_outcome_is_202(shop: Shop) -> None:
    """202 with Location and Retry-After while the outcome is unknown."""
    shop.carts.put("alice", "cup", 1)
    status, order, headers = await shop.place(payment_token="tok_timeout_lost")
    assert (status, order["status"]) == (202, "PENDING")
    assert headers["Location"] == f"/api/orders/{order['id']}"
    assert "Retry-After" in headers


async def test_a_dead_cart_changes_nothing(shop: Shop) -> None:
    """503 with Retry-After; there is no order, and the same key works later."""
    shop.faults["carts"].before = {"read_cart": PeerUnavailable("gone")}
    status, problem, headers = await shop.place()
    assert (status, slug(problem)) == (503, "peer-unavailable")
    assert "Retry-After" in headers
    _, page, _ = await shop.call("GET", "/api/orders")
    assert page["items"] == []
    shop.faults["carts"].before = {}
    await shop.ordered()


async def test_a_dead_catalogue_is_503_and_the_same_key_completes_the_order(shop: Shop) -> None:
    """503 while nothing is reserved; repeating with the key drives the same order on."""
    shop.carts.put("alice", "cup", 1)
    shop.faults["reservations"].before = {"reserve_goods": PeerUnavailable("gone")}
    status, problem, headers = await shop.place()
    assert (status, slug(problem)) == (503, "peer-unavailable")
    assert "Retry-After" in headers
    shop.faults["reservations"].before = {}
    status, order, _ = await shop.place()
    assert (status, order["id"], order["status"]) == (200, problem["order_id"], "CREATED")


async def test_a_cart_service_that_dies_on_the_way_is_202(shop: Shop) -> None:
    """The goods are held by then, so it is not said that nothing is reserved; the order shows what it costs."""
    shop.carts.put("alice", "cup", 2)
    shop.faults["carts"].before = {"take_cart": PeerUnavailable("gone")}
    status, order, _ = await shop.place()
    assert (status, order["status"], order["version"]) == (202, "PENDING", 2)
    assert (order["total_minor"], order["lines"][0]["unit_price_minor"]) == (500, 250)
    shop.faults["carts"].before = {}
    status, order, _ = await shop.place()
    assert (status, order["status"], order["total_minor"]) == (200, "CREATED", 500)


async def test_a_silent_catalogue_is_202(shop: Shop) -> None:
    """Whether goods are held is unknown: the order is in progress, and its repeat finishes it."""
    shop.carts.put("alice", "cup", 1)
    shop.faults["reservations"].after = {"reserve_goods": OutcomeUnknown("silence")}
    status, order, _ = await shop.place()
    assert (status, order["status"]) == (202, "PENDING")
    shop.faults["reservations"].after = {}
    status, order, _ = await shop.place()
    assert (status, order["status"]) == (200, "CREATED")


async def test_a_draining_service_finishes_what_goes_on_behind_an_answer(shop: Shop) -> None:
    """An order that was answered 202 is driven to its end before the doors close: its neighbours still listen then."""
    shop.carts.put("alice", "cup", 2)
    goes_on = asyncio.Event()
    shop.faults["reservations"].gates = {"reserve_goods": goes_on}
    headers = {"Idempotency-Key": "key", "Store-Timeout-Ms": "300"}
    status, order, _ = await shop.call("POST", "/api/orders", headers=headers, body={})
    assert status == 202
    draining = asyncio.create_task(shop.service.drain())
    status, _, _ = await shop.call("GET", "/health/live")
    assert (status, draining.done()) == (200, False)
    goes_on.set()
    await draining
    _, order, _ = await shop.call("GET", f"/api/orders/{order['id']}")
    assert order["status"] == "CREATED"


async def test_a_cart_service_that_is_away_only_delays_the_order(shop: Shop) -> None:
    """202: nothing is charged before the order has its cart; then it is, once, and what was added since stays."""
    shop.carts.put("alice", "cup", 1)
    shop.faults["carts"].before = {"take_cart": PeerUnavailable("gone")}
    status, order, _ = await shop.place()
    assert (status, order["status"]) == (202, "PENDING")
    shop.faults["carts"].before = {}

    async def created() -> bool:
        _, found, _ = await shop.call("GET", f"/api/orders/{order['id']}")
        return bool(found["status"] == "CREATED")

    await until(created, "the order has its cart and is charged")
    assert "alice" not in shop.carts.items


async def test_orders_are_listed_newest_first_in_pages(shop: Shop) -> None:
    """Keyset pages with a Link header, only one's own, filtered by status."""
    mine = [(await shop.ordered(f"k{n}"))["id"] for n in range(5)]
    await shop.ordered("other", "bob")
    seen: list[str] = []
    path = "/api/orders?limit=2&status=CREATED"
    while path:
        status, page, headers = await shop.call("GET", path)
        assert status == 200
        seen += [item["id"] for item in page["items"]]
        assert (page["next_cursor"] is not None) == ("Link" in headers)
        path = (
            f"/api/orders?limit=2&status=CREATED&cursor={page['next_cursor']}" if page["next_cursor"] else ""
        )
    assert sorted(seen) == sorted(mine)
    assert len(seen) == 5


async def test_a_cursor_belongs_to_its_list(shop: Shop) -> None:
    """400 for a cursor of another customer, another filter, or an altered one."""
    for number in range(3):
        await shop.ordered(f"k{number}")
    _, page, _ = await shop.call("GET", "/api/orders?limit=1")
    cursor = page["next_cursor"]
    for path, who in [
        (f"/api/orders?cursor={cursor}", "bob"),
        (f"/api/orders?status=CREATED&cursor={cursor}", "alice"),
        (f"/api/orders?cursor=A{cursor}", "alice"),
    ]:
        status, problem, _ = await shop.call("GET", path, who)
        assert (status, slug(problem)) == (400, "invalid-cursor")


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "status=LOST"])
async def test_a_bad_query_is_422(shop: Shop, query: str) -> None:
    """Limits and statuses are checked."""
    status, _, _ = await shop.call("GET", f"/api/orders?{query}")
    assert status == 422


async def test_somebody_elses_order_is_not_found(shop: Shop) -> None:
    """404 for every way to reach it, the same as for an order that does not exist."""
    order_id = (await shop.ordered())["id"]
    for order in (order_id, FOREIGN):
        for method, path in [("GET", ""), ("GET", "/events"), ("POST", "/cancel")]:
            status, problem, _ = await shop.call(method, f"/api/orders/{order}{path}", "bob")
            assert (status, slug(problem)) == (404, "order-not-found")


async def test_a_path_that_is_no_id_is_422(shop: Shop) -> None:
    """Garbage in the path is refused before anything is looked up."""
    for garbage in ("x", "%00", "..%2f", FOREIGN.upper().replace("0", "A")):
        status, _, _ = await shop.call("GET", f"/api/orders/{garbage}")
        assert status in (404, 422)


async def test_an_unchanged_order_is_304(shop: Shop) -> None:
    """If-None-Match with the ETag spares the body; an old one does not."""
    order = await shop.ordered()
    path = f"/api/orders/{order['id']}"
    status, body, _ = await shop.call("GET", path, headers={"If-None-Match": f'"{order["version"]}"'})
    assert (status, body) == (304, None)
    status, _, _ = await shop.call("GET", path, headers={"If-None-Match": '"1"'})
    assert status == 200


async def test_cancelling_gives_back_money_and_goods(shop: Shop) -> None:
    """200, twice; the charge is refunded once and the stock is free."""
    order = await shop.ordered()
    for _ in range(2):
        status, cancelled, _ = await shop.call("POST", f"/api/orders/{order['id']}/cancel")
        assert (status, cancelled["status"], cancelled["next_status"]) == (200, "CANCELLED", None)
    assert shop.reservations.available["cup"] == 1_000
    _, page, _ = await shop.admin("GET", "/api/admin/orders?expand=payment,lines")
    assert page["items"][0]["payment"] == {
        "state": "REFUNDED",
        "amount_minor": 500,
        "charges": 1,
        "refunds": 1,
    }


async def test_cancelling_goes_on_when_the_catalogue_is_back(shop: Shop) -> None:
    """202 while goods cannot be given back yet; the repeat finishes it."""
    order = await shop.ordered()
    shop.faults["reservations"].before = {"release_goods": PeerUnavailable("gone")}
    status, cancelling, _ = await shop.call("POST", f"/api/orders/{order['id']}/cancel")
    assert (status, cancelling["status"]) == (202, "CANCELLING")
    shop.faults["reservations"].before = {}
    status, cancelled, _ = await shop.call("POST", f"/api/orders/{order['id']}/cancel")
    assert (status, cancelled["status"]) == (200, "CANCELLED")


async def test_a_rejected_order_cannot_be_cancelled(shop: Shop) -> None:
    """409: there is nothing to give back."""
    shop.carts.put("alice", "plate", 9)
    _, problem, _ = await shop.place()
    status, problem, _ = await shop.call("POST", f"/api/orders/{problem['order_id']}/cancel")
    assert (status, slug(problem)) == (409, "illegal-transition")


async def test_the_statuses_say_what_may_follow(shop: Shop) -> None:
    """Everybody may read which statuses there are."""
    status, page, _ = await shop.call("GET", "/api/order-statuses", None)
    assert status == 200
    assert len(page["items"]) == 9
    assert {"status": "SHIPPING", "final": False, "next": ["DELIVERED"]} in page["items"]


async def test_the_summary_is_for_services(shop: Shop) -> None:
    """What a user has ordered and spent, cancelled orders left out of the sum."""
    await shop.ordered("a")
    gone = await shop.ordered("b")
    await shop.call("POST", f"/api/orders/{gone['id']}/cancel")
    path = "/internal/users/alice/summary"
    status, summary, _ = await shop.call("GET", path, "service:user", ("service",))
    assert (status, summary) == (200, {"orders": 2, "total_spent_minor": 500, "currency": "GBP"})


@pytest.mark.parametrize(
    ("method", "path", "anonymous", "customer", "admin", "service"),
    [
        ("POST", "/api/orders", 401, 409, 409, 403),
        ("GET", "/api/orders", 401, 200, 200, 403),
        ("GET", f"/api/orders/{FOREIGN}", 401, 404, 404, 403),
        ("POST", f"/api/orders/{FOREIGN}/cancel", 401, 404, 404, 403),
        ("GET", f"/api/orders/{FOREIGN}/events", 401, 404, 404, 403),
        ("GET", "/api/order-statuses", 200, 200, 200, 200),
        ("GET", "/api/admin/orders", 401, 403, 200, 403),
        ("PUT", f"/api/admin/orders/{FOREIGN}/status", 401, 403, 404, 403),
        ("GET", "/internal/users/alice/summary", 401, 403, 403, 200),
    ],
)
async def test_who_may_do_what(
    shop: Shop, method: str, path: str, anonymous: int, customer: int, admin: int, service: int
) -> None:
    """Every route for every kind of caller."""
    body = {"status": "SHIPPING"} if method == "PUT" else None
    headers = {"Idempotency-Key": "key", "If-Match": '"1"'}
    for who, roles, expected in [
        (None, (), anonymous),
        ("alice", ("customer",), customer),
        ("root", ("admin",), admin),
        ("service:cart", ("service",), service),
    ]:
        status, _, _ = await shop.call(method, path, who, roles, headers, body)
        assert status == expected, (who, status)


async def test_health_and_metrics_tell_about_orders(shop: Shop) -> None:
    """The service is ready, and its metrics count what happened, without ids."""
    order = await shop.ordered()
    await shop.place("none")
    status, health, _ = await shop.call("GET", "/health/ready", None)
    assert (status, set(health["dependencies"])) == (200, {"orders", "payments"})
    await shop.service.app.state.api.use_cases.show_counts()
    async with shop.client.get("/metrics") as response:
        text = await response.text()
    for line in (
        'store_checkouts_total{outcome="created"} 1.0',
        'store_checkouts_total{outcome="empty-cart"} 1.0',
        "store_orders_created_total 1.0",
        'store_orders_status_total{status="CREATED"} 1.0',
        'store_orders_in_status{status="CREATED"} 1.0',
        'store_orders_in_status{status="PENDING"} 0.0',
        "store_order_value_sum 500.0",
    ):
        assert line in text
    assert order["id"] not in text
    assert "alice" not in text


@pytest.mark.parametrize("total", ["null", "-1", "1.5", "true", '"1"', "1e400", str(2**70)])
async def test_a_total_is_a_whole_number_or_nothing(shop: Shop, total: str) -> None:
    """`null` is as if it were left out; what is not an amount is 422, never a 500."""
    headers = shop.issuer.headers("alice") | {"Idempotency-Key": "key", "Content-Type": "application/json"}
    body = f'{{"expected_total_minor": {total}}}'.encode()
    async with shop.client.post("/api/orders", data=body, headers=headers) as answer:
        assert answer.status == (409 if total == "null" else 422), await answer.text()
