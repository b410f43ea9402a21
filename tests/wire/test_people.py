"""What the table cannot say: streams, orders, ranges, people who hang up, and too many connections."""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from tests.support.people import Person, administrator, customer
from tests.support.shop import EmbeddedShop, Process
from tests.support.wait import until
from tests.wire.cases import HOST
from tests.wire.talking import Answer, call, exchange, is_open

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
NEXT: Final = b"GET /.well-known/jwks.json HTTP/1.1\r\n" + HOST + b"\r\n"
OFFER: Final = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")


def request(person: Person, method: str, path: str, *more: str, body: object = None) -> bytes:
    """Return a request of a person as bytes."""
    content = b"" if body is None else json.dumps(body).encode()
    fields = [f"{name}: {value}" for name, value in person.headers.items()]
    if body is not None:
        fields += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: shop", *fields, *more, "", ""]).encode() + content


@pytest.mark.parametrize("listener", ["gateway", "order"])
async def test_an_order_that_offers_an_upgrade_is_paid_as_it_says(
    shop: EmbeddedShop, admin: Person, ann: Person, listener: str
) -> None:
    """The card that is declined is the one that was sent: a body that may be left out is not lost."""
    product = await admin.create_product(stock=5)
    (await ann.add(product)).expect(200)
    for cut in (None, -20):
        key = f"Idempotency-Key: declined-{listener}-{cut}"
        whole = request(ann, "POST", "/api/orders", key, *OFFER, body={"payment_token": "tok_decline"})
        answers = await exchange(shop.ports[listener], whole[:cut], whole[cut:] if cut else b"")
        assert [answer.status for answer in answers] == [402], answers
    orders = (await ann.ask("GET", "/api/orders")).expect(200)["items"]
    assert {order["status"] for order in orders} <= {"REJECTED"}


@pytest.mark.parametrize("listener", ["gateway", "order"])
async def test_the_head_of_a_stream_is_all_of_it(
    shop: EmbeddedShop, admin: Person, ann: Person, listener: str
) -> None:
    """HEAD of an event stream is answered at once, and the connection serves the next request (RFC 9110, 9.3.2)."""
    (await ann.add(await admin.create_product(stock=5))).expect(200)
    order = (await ann.order()).expect(201)["id"]
    asked = request(ann, "HEAD", f"/api/orders/{order}/events", "Accept: text/event-stream")
    async with await call(shop.ports[listener]) as talk:
        await talk.say(asked)
        head = await talk.hear(head_only=True)
        assert head is not None
        assert (head.status, head.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        following = NEXT if listener == "gateway" else b"GET /health/live HTTP/1.1\r\n" + HOST + b"\r\n"
        assert await is_open(talk, following)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("lines=1-2", 200),
        ("bytes", 200),
        ("bytes=x-y", 200),
        ("bytes=5-2", 200),
        ("bytes=99999999-", 200),
        ("bytes=0-9", 206),
        ("bytes=-5", 206),
    ],
)
async def test_ranges_of_files(
    session: aiohttp.ClientSession, shop: EmbeddedShop, asked: str, status: int
) -> None:
    """A range in bytes is sent; one in an unknown unit, malformed or beyond the end is ignored."""
    async with session.get(shop.url("/swagger/"), headers={"Range": asked}) as whole:
        assert whole.status == 200
    for path in ("/swagger/swagger-ui.css", "/docs/search/search_index.json"):
        async with session.get(shop.url(path), headers={"Range": asked}) as answer:
            body = await answer.read()
            assert (answer.status, answer.content_type == "application/problem+json") == (status, False)
            assert len(body) < 11 if status == 206 else len(body) > 1000


@pytest.mark.parametrize("listener", ["gateway", "order"])
async def test_fields_are_read_by_their_grammar(
    shop: EmbeddedShop, admin: Person, ann: Person, listener: str
) -> None:
    """Blanks around a value are no part of it (RFC 9110, 5.5); what is no trace begins one (Trace Context, 3.2.2)."""
    port, token = shop.ports[listener], ann.headers["Authorization"].removeprefix("Bearer ")
    (await ann.add(await admin.create_product(stock=5))).expect(200)

    async def answer(method: str, path: str, *more: str, whose: Person = ann) -> Answer:
        (found,) = await exchange(port, request(whose, method, path, *more))
        return found

    nobody = Person(ann.session, ann.url)
    for written in (f"Bearer {token} ", f"Bearer  {token}", f"bearer {token}\t"):
        assert (await answer("GET", "/api/orders", f"Authorization: {written}", whose=nobody)).status == 200
    keys = [f"Idempotency-Key: {key}" for key in (f"blanks-{listener} ", f"blanks-{listener}")]
    placed = [await answer("POST", "/api/orders", key) for key in keys]
    assert [one.status for one in placed] == [201, 200]
    assert len({json.loads(one.body)["id"] for one in placed}) == 1
    trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    for version, begun, goes_on in (
        ("00", trace, True),
        ("00", "0" * 32, False),
        ("ff", trace, False),
        ("xx", trace, False),
    ):
        asked = f"traceparent: {version}-{begun}-{span}-01"
        found = (await answer("GET", "/api/order-statuses", asked)).headers["x-trace-id"]
        assert (found == begun) is goes_on, asked


@pytest.mark.parametrize("listener", ["gateway", "cart"])
async def test_tags_in_several_lines_are_one_list(shop: EmbeddedShop, ann: Person, listener: str) -> None:
    """Whichever line the right one stands in (RFC 9110, 5.3): it is unchanged, and it is the one to change."""
    for order in (1, -1):
        (seen,) = await exchange(shop.ports[listener], request(ann, "GET", "/api/cart"))
        lines = ['"x"', seen.headers["etag"]][::order]
        for method, field, status in (("GET", "If-None-Match", 304), ("DELETE", "If-Match", 204)):
            asked = request(ann, method, "/api/cart", *(f"{field}: {tag}" for tag in lines))
            (answer,) = await exchange(shop.ports[listener], asked)
            assert answer.status == status, (method, lines)


@pytest.mark.parametrize(
    ("accept", "served"),
    [
        ("text/event-stream;q=0", "application/json"),
        ("TEXT/EVENT-STREAM", "text/event-stream; charset=utf-8"),
        ("text/event-streamx", "application/json"),
    ],
)
async def test_a_stream_is_served_to_who_asks_for_one(
    shop: EmbeddedShop, admin: Person, ann: Person, accept: str, served: str
) -> None:
    """Accept is a list of media ranges with weights, in any case (RFC 9110, 12.5.1), not a text to search."""
    (await ann.add(await admin.create_product(stock=5))).expect(200)
    order = (await ann.order()).expect(201)["id"]
    async with await call(shop.ports["gateway"]) as talk:
        await talk.say(request(ann, "GET", f"/api/orders/{order}/events", f"Accept: {accept}"))
        head = await talk.hear(head_only=True)
        assert head is not None
        assert (head.status, head.headers["content-type"]) == (200, served)


HALVES: Final = [
    ("POST", "/api/auth/token", "Content-Type: application/x-www-form-urlencoded"),
    ("POST", "/api/cart/items", "Content-Type: application/json"),
    ("POST", "/api/orders", "Content-Type: application/json"),
    ("POST", "/api/products", "Content-Type: application/json"),
    ("POST", "/api/users", "Content-Type: application/json"),
]


async def test_who_hangs_up_in_a_body_is_no_fault_of_ours(shop: EmbeddedShop, ann: Person) -> None:
    """On every kind of route: no 500 is counted, nothing is logged, and the metric tells of it."""
    before = await abandoned(shop)
    said = len(shop.process.output())
    for method, path, kind in HALVES:
        for rest in (b"", b"ab", b"a" * 90):
            head = request(ann, method, path, kind, "Content-Length: 100")
            async with await call(shop.ports["gateway"]) as talk:
                await talk.say(head + rest)

    async def all_are_counted() -> bool:
        return await abandoned(shop) >= before + 3 * len(HALVES)

    await until(all_are_counted, "all who hung up are counted")
    assert shop.process.output()[said:] == ""
    assert 'status="500"' not in await metrics(shop)


async def metrics(shop: EmbeddedShop) -> str:
    """Return the metrics of all services."""
    async with aiohttp.ClientSession() as session:
        texts = []
        for name in ("catalog", "cart", "order", "user"):
            async with session.get(shop.service_url(name) + "/metrics") as answer:
                texts.append(await answer.text())
    return "".join(texts)


async def abandoned(shop: EmbeddedShop) -> float:
    """Return how many clients of the gateway hung up in the middle of a request."""
    line = r'store_requests_not_read_total\{listener="gateway",reason="abandoned"\} (\S+)'
    found = re.search(line, await metrics(shop))
    return float(found[1]) if found else 0.0


def with_few_files(command: Sequence[str], log: Path, env: Mapping[str, str]) -> Process:
    """Return a program that may open 1 024 files and not one more."""
    line = ["prlimit", "--nofile=1024:1024", *command]
    return Process(line, log, env)


async def test_idle_connections_do_not_end_the_shop(tmp_path: Path) -> None:
    """1 100 connections that say half a line, with 1 024 files in all: others are served, and can buy."""
    async with EmbeddedShop(tmp_path, program=with_few_files) as shop, AsyncExitStack() as crowd:
        for _ in range(1100):
            talk = await crowd.enter_async_context(await call(shop.ports["gateway"]))
            talk.writer.write(b"GET /api/pro")
        for port in shop.ports.values():
            path = b"/.well-known/jwks.json" if port == shop.ports["gateway"] else b"/health/ready"
            asked = b"GET %b HTTP/1.1\r\n%b\r\n" % (path, HOST)
            for _ in range(20):
                assert [answer.status for answer in await exchange(port, asked)] == [200]
        session = await crowd.enter_async_context(aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()))
        admin = await administrator(session, shop.url, shop.data_dir)
        buyer = await customer(session, shop.url)
        (await buyer.add(await admin.create_product(stock=1))).expect(200)
        (await buyer.order()).expect(201)
        assert "Too many open files" not in shop.process.output()


async def test_half_bodies_of_many_have_a_bound_together(tmp_path: Path) -> None:
    """A hundred senders of nearly a megabyte each: who sends longest is refused, memory stays, an order is read."""
    async with EmbeddedShop(tmp_path) as shop, AsyncExitStack() as crowd:
        head = b"PUT /api/cart/items HTTP/1.1\r\n" + HOST + b"Content-Length: 1000000\r\n\r\n"
        before = resident_mb(shop)
        talks = [await crowd.enter_async_context(await call(shop.ports["gateway"])) for _ in range(100)]
        for talk in talks:
            talk.writer.write(head + b" " * 999_000)
            await talk.writer.drain()
        for talk in talks[:30]:
            answer = await talk.hear()
            assert answer is not None
            assert answer.status == 408
        assert resident_mb(shop) - before < 90
        (said,) = await exchange(
            shop.ports["gateway"], NEXT.replace(b"\r\n\r\n", b"\r\nContent-Length: 4\r\n\r\nab"), b"cd"
        )
        assert said.status == 200


def resident_mb(shop: EmbeddedShop) -> float:
    """Return how much memory the shop's process has."""
    status = Path(f"/proc/{shop.process.pid}/status").read_text(encoding="ascii")
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]  # it is there
