"""One thing at one address: slashes behind it, stray parameters, who the client says it is, ids in any case."""

from typing import Final

import aiohttp
import pytest
from store_cli.up.page_security import HEADERS

from tests.contract import raw
from tests.contract.document import Operation, operations
from tests.contract.problems import must_be_problem
from tests.contract.test_bad_requests import IDS, PASSES
from tests.support.people import Person, customer
from tests.support.shop import SERVICES, EmbeddedShop

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
FORGED: Final = {"Host": "evil.example", "X-Forwarded-Proto": "https"}


@pytest.fixture(scope="module")
async def api(nobody: Person) -> list[Operation]:
    """Return every operation of the document."""
    return await operations(nobody)


async def test_a_slash_behind_an_address_changes_nothing(
    api: list[Operation], shop: EmbeddedShop, everybody: Person
) -> None:
    """Every route answers with a slash as without one, reads and writes; nobody is sent elsewhere."""
    for operation in api:
        path = operation.path.format_map(IDS)
        headers = {**everybody.headers, **PASSES, "Content-Type": "application/json"}
        answers = [
            await raw.send(shop.ports["gateway"], operation.method, address, headers=headers, body=b"[]")
            for address in (path, f"{path}/")
        ]
        assert answers[0].status == answers[1].status, f"{operation.id}: {answers}"
        assert not 300 <= answers[1].status < 400, f"{operation.id}: {answers[1]}"
        assert "Location" not in answers[1].headers, f"{operation.id}: {answers[1]}"


@pytest.mark.parametrize("path", ["/", "/docs", "/docs/adr", "/swagger", "/docs//evil.example"])
async def test_redirects_name_no_host(shop: EmbeddedShop, path: str) -> None:
    """Where the gateway does send somebody elsewhere it is by a path, whatever Host and scheme the request names."""
    answer = await raw.send(shop.ports["gateway"], "GET", path, headers=FORGED)
    assert answer.status in {307, 404}, answer
    if answer.status == 307:
        assert answer.headers["Location"].startswith("/"), answer
        assert not answer.headers["Location"].startswith("//"), answer
    assert (path != "/docs/adr") or answer.headers["Location"] == "/docs/adr/"


async def test_a_password_is_not_sent_elsewhere(shop: EmbeddedShop) -> None:
    """Signing in with a slash behind the address is signing in: nobody is asked to send the password again."""
    headers = {**FORGED, "Content-Type": "application/x-www-form-urlencoded"}
    body = b"username=ann@example.com&password=wrong-password"
    answer = await raw.send(shop.ports["gateway"], "POST", "/api/auth/token/", headers=headers, body=body)
    assert answer.status in {400, 401}, answer


async def test_unknown_parameters_are_named(api: list[Operation], admin: Person) -> None:
    """Every route refuses a parameter that it does not know, by name; known ones beside it change nothing."""
    for operation in api:
        path = f"{operation.path.format_map(IDS)}?lmit=5&limit=5&sort%5Fby=name"
        answer = await admin.ask(operation.method, path, headers=PASSES)
        assert answer.status == 422, f"{operation.id}: {answer}"
        must_be_problem(answer, operation.id)
        named = {error["field"] for error in answer.json["errors"]}
        assert {"query.lmit", "query.sort_by"} <= named, answer
        takes_limit = any(p["name"] == "limit" for p in operation.parameters)
        assert ("query.limit" in named) is not takes_limit, answer


async def test_unknown_parameters_on_service_ports(shop: EmbeddedShop) -> None:
    """Routes of a service's own port refuse them as well."""
    for service in SERVICES:
        for path in ("/health/live", "/health/ready", "/metrics"):
            answer = await raw.send(shop.ports[service], "GET", f"{path}?verbose=1")
            assert (answer.status, answer.slug) == (422, "invalid-input"), f"{service} {path}"


async def test_many_unknown_parameters(nobody: Person) -> None:
    """Twenty are named, whatever their number and length."""
    query = "&".join(f"{'x' * 100}{number}=1" for number in range(300))
    answer = await nobody.ask("GET", f"/api/products?{query}")
    assert (answer.status, len(answer.json["errors"])) == (422, 20)
    assert len(answer.body) <= 8 * 1024


async def test_parameters_are_known_in_every_spelling(nobody: Person) -> None:
    """An escaped name is the same name, and an empty piece is nothing."""
    assert (await nobody.ask("GET", "/api/products?&%6Cimit=1&&sort=price&")).status == 200


async def test_ids_in_upper_case_are_the_same_ids(
    admin: Person, shop: EmbeddedShop, session: aiohttp.ClientSession
) -> None:
    """RFC 9562, 4: a UUID is read in either case, in paths and bodies alike, and answered in lower case."""
    ann = await customer(session, shop.url)
    product = await admin.create_product(stock=50)
    loud = product.upper()
    assert (await ann.ask("GET", f"/api/products/{loud}")).expect(200)["id"] == product
    body = {"product_id": loud, "quantity": 1}
    assert (await ann.ask("POST", "/api/cart/items", body)).expect(200)["product_id"] == product
    (await ann.ask("PUT", f"/api/cart/items/{loud}", {"quantity": 2})).expect(200)
    (await ann.ask("PUT", "/api/cart/items", {"items": [body, {**body, "product_id": product}]})).expect(200)
    lines = (await ann.ask("GET", "/api/cart")).expect(200)["items"]
    assert [(line["product_id"], line["quantity"]) for line in lines] == [(product, 2)]
    (await ann.ask("POST", "/api/recently-viewed", {"product_id": loud})).expect(200)
    order = (await ann.order()).expect(201)["id"]
    for path in (f"/api/orders/{order.upper()}", f"/api/orders/{order.upper()}/events"):
        assert order in (await ann.ask("GET", path)).body.decode() or path.endswith("events")
        assert (await ann.ask("GET", path)).status == 200
    (await ann.ask("POST", f"/api/orders/{order.upper()}/cancel")).expect(200, 202)
    roles = {"roles": ["customer"]}
    (await admin.ask("PUT", f"/api/admin/users/{ann.id.upper()}/roles", roles)).expect(200)
    change = {"name": "Loud"}
    (await admin.ask("PATCH", f"/api/products/{loud}", change, headers={"If-Match": "*"})).expect(200)
    more = {"delta": 1, "reason": "found"}
    stock = await admin.ask("POST", f"/api/products/{loud}/stock-adjustments", more)
    assert stock.expect(200)["product_id"] == product
    (await ann.ask("DELETE", f"/api/cart/items/{loud}")).expect(200)
    (await admin.ask("DELETE", f"/api/products/{loud}", headers={"If-Match": "*"})).expect(204)


@pytest.mark.parametrize(
    "path", ["/docs/", "/swagger/", "/api/products", "/api/orders", "/nowhere", "/openapi.json"]
)
async def test_security_headers_are_on_every_answer(nobody: Person, path: str) -> None:
    """The embedded gateway sends what nginx sends: on pages, answers of services and refusals."""
    answer = await nobody.ask("GET", path)
    assert {name: answer.headers.get(name) for name in HEADERS} == dict(HEADERS)
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert policy.endswith("frame-ancestors 'none'")
    assert ("script-src 'self' 'sha256-" in policy) is path.startswith(("/docs", "/swagger"))
    assert "unsafe" not in policy
