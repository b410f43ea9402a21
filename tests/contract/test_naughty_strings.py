"""Odd text in every place that takes text, found by reading the OpenAPI document: nothing breaks, nothing is bent.

How much is sent is a variable, so that CI tries everything and a laptop a part: STORE_TEST_CONTRACT=full.
"""

import asyncio
import itertools
import json
import os
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

import pytest
from store_kit.texts import one_line, several_lines

from tests.contract import raw
from tests.contract.document import FORM, JSON, Operation, Place, operations, value_at, with_value
from tests.contract.naughty import NAUGHTY
from tests.contract.problems import must_be_sound
from tests.contract.tokens import Mint
from tests.support.audit import audit
from tests.support.people import Answer, Person, customer
from tests.support.shop import EmbeddedShop

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
PART: Final = 1 if os.environ.get("STORE_TEST_CONTRACT") == "full" else 5
"""One string of so many is tried in a place; the next place takes the next ones."""
AT_ONCE: Final = 8
LONGEST: Final = 5_000
FOLDED: Final[Mapping[str, Callable[[str], str]]] = {
    "email": lambda text: text.strip().lower(),
    "name": lambda text: one_line(text, LONGEST),
    "sku": lambda text: one_line(text, LONGEST),
    "category": lambda text: one_line(text, LONGEST),
    "description": lambda text: several_lines(text, LONGEST),
    "product_id": str.lower,
}
"""Fields that come back otherwise than they were sent, as their documentation says."""
STANDARD_HEADERS: Final = (
    *("Authorization", "Accept", "Content-Type", "If-Match", "If-None-Match", "Idempotency-Key", "Cookie"),
    *("Last-Event-ID", "traceparent", "Store-Timeout-Ms", "X-Forwarded-For", "User-Agent", "Range"),
)


@dataclass(frozen=True, slots=True)
class World:
    """What the naughty strings are thrown at: one who may do everything, and things of hers to do it to."""

    mallory: Person
    ids: Mapping[str, str]
    operations: Sequence[Operation]
    port: int

    def path(self, operation: Operation, **changes: str) -> str:
        """Return a path with real ids in it, or with something else."""
        return operation.path.format_map({**self.ids, **changes})

    @property
    def headers(self) -> dict[str, str]:
        """Headers that pass every gate."""
        return {**self.mallory.headers, "If-Match": "*", "Idempotency-Key": str(uuid.uuid4())}


@pytest.fixture(scope="module")
async def world(shop: EmbeddedShop, admin: Person, ann: Person, mint: Mint) -> World:
    """Make an administrator of whom nothing else depends, with a product, an order and a victim."""
    mallory = await customer(admin.session, shop.url)
    product = await admin.create_product(stock=1_000_000)
    (await mallory.add(product)).expect(200)
    order = (await mallory.order()).expect(201)
    roles = ["customer", "admin"]
    (await admin.ask("PUT", f"/api/admin/users/{mallory.id}/roles", {"roles": roles})).expect(200)
    sessions = (await mallory.ask("GET", "/api/users/me/sessions")).expect(200)["items"]
    # Signing out and the like end no token of so late an epoch.
    mallory.headers = mint.headers(mallory.id, roles, epoch=1_000)
    ids = {
        "product_id": product,
        "order_id": order["id"],
        "account_id": ann.id,
        "session_id": sessions[0]["id"],
        "name": "an-import",
    }
    return World(mallory, ids, await operations(admin), shop.ports["gateway"])


@pytest.fixture(scope="module")
async def canary(admin: Person, bob: Person) -> Callable[[], Awaitable[object]]:
    """Return a look at things that nobody below touches: they must stay as they are."""
    product = await admin.create_product(stock=7, name="Canary", description="yellow")
    (await bob.add(product, 2)).expect(200)
    await bob.order()
    (await bob.add(product, 1)).expect(200)
    (await bob.ask("POST", "/api/recently-viewed", {"product_id": product})).expect(200)
    paths = (
        *(f"/api/products/{product}", "/api/cart", "/api/users/me", "/api/users/me/summary"),
        *("/api/recently-viewed", "/api/order-statuses", "/.well-known/jwks.json"),
    )

    async def look() -> object:
        return [(await bob.ask("GET", path)).expect(200) for path in paths]

    return look


_turn = itertools.count()


def some() -> Iterable[str]:
    """Return the strings for the next place."""
    return NAUGHTY[next(_turn) % PART :: PART]


async def gather(work: Iterable[Awaitable[None]]) -> None:
    """Do all of it, a few things at once."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def gated(one: Awaitable[None]) -> None:
        async with gate:
            await one

    await asyncio.gather(*map(gated, work))


async def test_no_text_breaks_a_body(
    world: World, shop: EmbeddedShop, canary: Callable[[], Awaitable[object]]
) -> None:
    """In every text field of every body: refused as a problem, or kept exactly; nothing else has changed."""
    before = await canary()
    places = [
        (operation, schema, place)
        for operation in world.operations
        for schema in operation.bodies()
        for place in operation.texts(schema)
    ]
    assert len(places) > 30, "the document has lost its text fields"
    # One after the other: several operations edit one product, and it is read back after each edit.
    for operation, schema, place in places:
        for text in some():
            await spoil_body(world, operation, operation.body(schema), place, text)
    assert await canary() == before
    await audit(shop)


async def spoil_body(
    world: World, operation: Operation, body: dict[str, Any], place: Place, text: str
) -> None:
    """Send one text in one field."""
    body = unique(with_value(body, place, "x"))
    sent = with_value(body, place, text) if is_sendable(text) else spoilt(body, place, text)
    media_type = operation.media_type or JSON
    data = (
        json.dumps(sent).encode() if media_type == JSON else urlencode(sent, errors="surrogatepass").encode()
    )
    headers = {**world.headers, "Content-Type": media_type}
    answer = await world.mallory.ask(operation.method, world.path(operation), data, headers=headers)
    what = f"{operation.id} {place}={text[:60]!r}"
    must_be_sound(answer, what)
    if answer.status < 300 and media_type == JSON:
        await must_be_kept(world, operation, answer, sent, place, what)


def unique(body: dict[str, Any]) -> dict[str, Any]:
    """Return a body that is not refused because its e-mail or SKU is taken."""
    for product in (body, *body.get("products", ())):
        if "sku" in product:
            product["sku"] = uuid.uuid4().hex
    if "email" in body:
        body["email"] = f"{uuid.uuid4().hex}@example.com"
    return body


def is_sendable(text: str) -> bool:
    """Say whether text has an encoding; halves of surrogate pairs have none."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def spoilt(body: dict[str, Any], place: Place, text: str) -> dict[str, Any]:
    """Return a copy with text that only Python's own JSON can write, as an escape."""
    inner = copy = json.loads(json.dumps(body))
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = text
    return dict(copy)


async def must_be_kept(
    world: World, operation: Operation, answer: Answer, sent: dict[str, Any], place: Place, what: str
) -> None:
    """Fail unless an accepted text is shown as it was sent, where it is shown at all."""
    name = str(place[-1])
    shown = answer.json if answer.body else {}
    if "products" in sent:
        shown = await world.mallory.product(shown["items"][0]["id"])
    elif operation.id in ("add_product", "replace_product", "patch_product"):
        assert shown == await world.mallory.product(shown["id"]), what
    if name in shown:
        expected = FOLDED.get(name, str)(value_at(sent, place))
        assert shown[name] == expected, f"{what}: came back as {shown[name]!r}"


async def test_no_text_breaks_a_parameter(
    world: World, shop: EmbeddedShop, canary: Callable[[], Awaitable[object]]
) -> None:
    """In every path, query and header parameter: an answer or a problem; nothing else has changed."""
    before = await canary()
    await gather(
        spoil_parameter(world, operation, parameter, text)
        for operation in world.operations
        for parameter in operation.parameters
        for text in some()
    )
    assert await canary() == before
    await audit(shop)


async def spoil_parameter(
    world: World, operation: Operation, parameter: Mapping[str, Any], text: str
) -> None:
    """Send one text in one parameter."""
    name, target, more = parameter["name"], world.path(operation), []
    encoded = quote(text.encode("utf-8", "surrogatepass"), safe="")
    match parameter["in"]:
        case "path":
            target = world.path(operation, **{name: encoded})
        case "query":
            target += f"?{name}={encoded}"
        case _:
            more = [(name, in_header(text))]
    headers = {n: v for n, v in world.headers.items() if n.lower() != name.lower()}
    answer = await request(world, operation, target, headers, more)
    must_be_sound(answer, f"{operation.id} {parameter['in']} {name}={text[:60]!r}")


async def test_no_text_breaks_a_header_that_everybody_sends(world: World) -> None:
    """In the headers of HTTP itself: an answer or a problem."""
    some_operations = itertools.cycle(world.operations)
    await gather(
        spoil_header(world, next(some_operations), name, text)
        for name in STANDARD_HEADERS
        for text in NAUGHTY
    )


async def spoil_header(world: World, operation: Operation, name: str, text: str) -> None:
    """Send one text in one header."""
    headers = {n: v for n, v in world.headers.items() if n.lower() != name.lower()}
    answer = await request(world, operation, world.path(operation), headers, [(name, in_header(text))])
    must_be_sound(answer, f"{operation.id} header {name}: {text[:60]!r}")


def in_header(text: str) -> bytes:
    """Return text as one header's value: a line end in it would begin another header."""
    return text.encode("utf-8", "surrogatepass").replace(b"\r", b" ").replace(b"\n", b" ")


async def request(
    world: World,
    operation: Operation,
    target: str,
    headers: dict[str, str],
    more: Sequence[tuple[str, bytes]],
) -> Answer:
    """Send an operation's fair body with odd things around it."""
    body = b""
    named = {name.lower() for name, _ in more}
    for schema in operation.bodies()[:1]:
        fair = unique(operation.body(schema))
        body = (urlencode(fair) if operation.media_type == FORM else json.dumps(fair)).encode()
        if "content-type" not in named:
            headers["Content-Type"] = operation.media_type or JSON
    return await raw.send(world.port, operation.method, target, headers=headers, more=tuple(more), body=body)


async def test_no_path_breaks_the_gateway(world: World) -> None:
    """As the whole path, or behind a real one: an answer or a problem, and never anything internal."""
    tops = ("/", "/api/", "/api/products/", "/api/orders/", "/docs/", "/swagger/", "/internal/")
    await gather(spoil_path(world, top, text) for top in tops for text in some())


async def spoil_path(world: World, top: str, text: str) -> None:
    """Ask for an odd path."""
    target = top + quote(text.encode("utf-8", "surrogatepass"), safe="/.~")
    answer = await raw.send(world.port, "GET", target, headers=world.headers)
    if top == "/docs/":
        assert answer.status in (200, 307, 404)  # a page for people, problems too
    else:
        must_be_sound(answer, f"GET {target[:80]!r}")
    assert b"root:" not in answer.body
    if top == "/internal/":
        assert answer.status == 404


async def test_an_accepted_password_signs_in(nobody: Person) -> None:
    """Whatever is accepted as a password works as one, and one that differs in its last letter does not."""
    accepted = 0
    for text in NAUGHTY:
        email = f"{uuid.uuid4().hex}@example.com"
        made = await nobody.ask("POST", "/api/users", json.dumps({"email": email, "password": text}).encode())
        must_be_sound(made, f"password {text[:60]!r}")
        if made.status == 201:
            accepted += 1
            other = text[:-1] + ("y" if text.endswith("x") else "x")
            for tried, status in ((text, 200), (other, 400)):
                form = {"grant_type": "password", "username": email, "password": tried}
                answer = await nobody.ask("POST", "/api/auth/token", form=form)
                assert answer.status == status, f"{text[:60]!r} tried as {tried[:60]!r}"
    assert accepted > 30
