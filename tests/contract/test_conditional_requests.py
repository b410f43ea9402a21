"""ETags on every read that offers them, If-Match on every edit that takes it; and the methods of HTTP itself."""

import uuid
from typing import Any, Final

import pytest

from tests.contract import raw
from tests.contract.conftest import CALM
from tests.contract.document import Operation, operations
from tests.contract.problems import must_be_problem
from tests.contract.test_access_matrix import BODIES
from tests.support.people import Person
from tests.support.shop import EmbeddedShop

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
SETTINGS: Final = CALM
BLIND_IS_FINE: Final = {
    "replace_cart_items",
    "set_user_roles",
    "clear_cart",
    "add_cart_item",
    "set_cart_item",
    "remove_cart_item",
    "place_order",
    "cancel_order",
}
"""Edits that may leave If-Match out: they say what they mean, whatever there is."""
BY_ANN: Final = {"update_me", *BLIND_IS_FINE} - {"set_user_roles"}
NO_EDIT_OF_IT: Final = {
    "add_product": "one more in a list",
    "add_products": "more in a list",
    "adjust_stock": "adds to what there is",
    "merge_cart": "adds to what there is",
    "note_import": "a note of its own",
    "change_password": "bound to the password that it names",
    "end_my_sessions": "no part of the account that is shown",
    "end_my_session": "no part of the account that is shown",
    "delete_me": "bound to the password that it names",
}
"""Changes beside or below something with an ETag that are no edits of it, and why."""
METHODS: Final = {"GET", "POST", "PUT", "PATCH", "DELETE"}


@pytest.fixture(scope="module")
async def ids(admin: Person, ann: Person) -> dict[str, str]:
    """Return things to read and edit: a product, an order of A, and A's account."""
    product = await admin.create_product(stock=100)
    (await ann.add(product)).expect(200)
    order = (await ann.order()).expect(201)
    (await ann.add(product)).expect(200)
    things = {"product_id": product, "order_id": order["id"], "account_id": ann.id}
    return {**things, "session_id": str(uuid.UUID(int=1)), "name": "an-import"}


@pytest.fixture(scope="module")
async def api(nobody: Person) -> list[Operation]:
    """Return every operation of the document."""
    return await operations(nobody)


def reader_of(operation: Operation, admin: Person, ann: Person) -> Person:
    """Return who may use an operation."""
    return admin if "/admin/" in operation.path or operation.method != "GET" else ann


async def test_unchanged_is_304(
    api: list[Operation], ids: dict[str, str], admin: Person, ann: Person
) -> None:
    """Each read that documents 304 sends an ETag, answers it with 304 and no body, and another one with 200."""
    reads = [operation for operation in api if "304" in operation.spec["responses"]]
    assert len(reads) >= 6
    for operation in reads:
        path = operation.path.format_map(ids)
        person = reader_of(operation, admin, ann)
        first = await person.ask("GET", path)
        etag = first.headers["ETag"]
        assert etag.startswith('"'), operation.id
        for known in (etag, f"W/{etag}", f'"x", {etag}', "*"):
            again = await person.ask("GET", path, headers={"If-None-Match": known})
            assert (again.status, again.body) == (304, b""), f"{operation.id} {known}: {again}"
            assert again.headers["ETag"] == etag, operation.id
        changed = await person.ask("GET", path, headers={"If-None-Match": f'"0{etag[1:]}'})
        assert (changed.status, changed.body) == (200, first.body), (
            f"{operation.id}: another spelling of {etag}"
        )
        for unknown in ('"x"', "x", "", '""'):
            fresh = await person.ask("GET", path, headers={"If-None-Match": unknown})
            assert (fresh.status, fresh.json) == (200, first.json), f"{operation.id} {unknown}: {fresh}"


async def test_reads_that_show_an_etag_document_it(
    api: list[Operation], ids: dict[str, str], admin: Person, ann: Person
) -> None:
    """No read sends an ETag without saying 304 in the document."""
    for operation in api:
        if operation.method != "GET":
            continue
        answer = await reader_of(operation, admin, ann).ask("GET", operation.path.format_map(ids))
        assert ("ETag" in answer.headers) == ("304" in operation.spec["responses"]), operation.id


async def test_a_changed_thing_has_another_etag(ids: dict[str, str], admin: Person, ann: Person) -> None:
    """After a change the old ETag is answered with the new thing."""
    product = await admin.create_product(stock=3)
    seen = {}
    paths = (f"/api/products/{product}", "/api/products", "/api/categories", "/api/cart", "/api/users/me")
    for path in paths:
        seen[path] = (await ann.ask("GET", path)).headers["ETag"]
    changes = {"name": "Changed", "price_minor": 7, "category": "Elsewhere"}
    (await admin.ask("PATCH", f"/api/products/{product}", changes, headers={"If-Match": "*"})).expect(200)
    (await ann.add(ids["product_id"])).expect(200)
    (await ann.ask("PATCH", "/api/users/me", {"name": "Anna"}, headers={"If-Match": "*"})).expect(200)
    for path in paths:
        answer = await ann.ask("GET", path, headers={"If-None-Match": seen[path]})
        assert answer.status == 200, path
        assert answer.headers["ETag"] != seen[path], path


async def test_edits_say_what_they_edit(
    api: list[Operation], ids: dict[str, str], admin: Person, ann: Person
) -> None:
    """An edit that takes If-Match is 412 with another version, and 428 without one unless it may be blind."""
    edits = [o for o in api if any(p["name"].lower() == "if-match" for p in o.parameters)]
    assert len(edits) >= 13
    for operation in edits:
        person = ann if operation.id in BY_ANN else admin
        path = operation.path.format_map(ids)
        body = body_of(operation, ids)
        for stale in ('"999999"', '"999999.1"', '"x"', 'W/"1"', "1", ""):
            headers = {"If-Match": stale, "Idempotency-Key": f"{operation.id}-key"}
            answer = await person.ask(operation.method, path, body, headers=headers)
            assert answer.status == 412, f"{operation.id} If-Match {stale}: {answer}"
            must_be_problem(answer, operation.id)
        if operation.id not in BLIND_IS_FINE:
            answer = await person.ask(operation.method, path, body)
            assert (answer.status, answer.slug) == (428, "precondition-required"), f"{operation.id}: {answer}"
            must_be_problem(answer, operation.id)


async def test_whatever_changes_something_with_an_etag_takes_if_match(api: list[Operation]) -> None:
    """A precondition that is sent is evaluated (RFC 9110, 13.1.1): no change below a tagged thing ignores it."""
    tagged = [o.path for o in api if o.method == "GET" and "304" in o.spec["responses"]]
    deaf = set()
    for operation in api:
        of = [path for path in tagged if f"{operation.path}/".startswith(f"{path}/")]
        takes = any(p["name"].lower() == "if-match" for p in operation.parameters)
        if operation.method != "GET" and of and not takes:
            deaf.add(operation.id)
    assert deaf == set(NO_EDIT_OF_IT)


def body_of(operation: Operation, ids: dict[str, str]) -> Any:
    """Return a fair body."""
    make = BODIES.get(f"{operation.method} {operation.path}")
    return make(ids) if make else None


async def test_an_edit_of_what_was_read_passes_once(admin: Person, ann: Person) -> None:
    """The ETag that was read passes; the same edit again is 412, for its version is gone."""
    product = await admin.create_product()
    for person, path in ((admin, f"/api/products/{product}"), (ann, "/api/users/me")):
        etag = (await person.ask("GET", path)).headers["ETag"]
        for status in (200, 412):
            answer = await person.ask("PATCH", path, {"name": f"Once {status}"}, headers={"If-Match": etag})
            assert answer.status == status, f"{path}: {answer}"


async def test_head_is_get_without_the_body(
    api: list[Operation], ids: dict[str, str], admin: Person, ann: Person, shop: EmbeddedShop
) -> None:
    """HEAD has the status and the headers of GET, and no body."""
    for operation in (o for o in api if o.method == "GET"):
        person, path = reader_of(operation, admin, ann), operation.path.format_map(ids)
        get = await raw.send(shop.ports["gateway"], "GET", path, headers=person.headers)
        head = await raw.send(shop.ports["gateway"], "HEAD", path, headers=person.headers)
        assert (head.status, head.body) == (get.status, b""), operation.id
        for name in ("Content-Type", "ETag"):
            assert head.headers.get(name) == get.headers.get(name), operation.id
        assert "Content-Length" in head.headers, operation.id


async def test_other_methods(
    api: list[Operation], ids: dict[str, str], shop: EmbeddedShop, admin: Person
) -> None:
    """A method that a path has not is 405 with those it has in Allow; OPTIONS too, and what nobody has heard of."""
    offered: dict[str, set[str]] = {}
    for operation in api:
        offered.setdefault(operation.path, set()).add(operation.method)
    for path, methods in offered.items():
        allowed = methods | ({"HEAD"} if "GET" in methods else set())
        # A path that a template matches too (/products/batch) is served by the template's methods.
        twins = {m for other, ms in offered.items() if matches(other, path) for m in ms}
        for method in sorted((METHODS | {"OPTIONS"}) - methods - twins):
            target = path.format_map(ids)
            answer = await raw.send(shop.ports["gateway"], method, target, headers=admin.headers)
            assert answer.status == 405, f"{method} {path}: {answer}"
            must_be_problem(answer, f"{method} {path}")
            assert set(answer.headers["Allow"].split(", ")) == allowed, f"{method} {path}: {answer}"


def matches(template: str, path: str) -> bool:
    """Say whether a template with one parameter at its end stands for another path too."""
    head, _, last = template.rpartition("/")
    return last.startswith("{") and not path.endswith("}") and path.rpartition("/")[0] == head


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "PATC", "get", "FOO", "G" * 1000])
async def test_odd_methods(method: str, shop: EmbeddedShop) -> None:
    """A method that is not one of ours is refused, with a problem, and never a fault."""
    for path in ("/api/products", "/", "/swagger/", "/nothing"):
        answer = await raw.send(shop.ports["gateway"], method, path)
        assert answer.status in (400, 404, 405), f"{method[:20]} {path}: {answer}"
        must_be_problem(answer, f"{method[:20]} {path}")


async def test_static_pages_are_read_only(shop: EmbeddedShop) -> None:
    """Swagger, its document and the start page refuse to be written to, naming what they offer."""
    for path in ("/openapi.json", "/swagger/", "/swagger/start.js", "/swagger/swagger-ui.css", "/"):
        answer = await raw.send(shop.ports["gateway"], "POST", path)
        assert answer.status == 405, f"{path}: {answer}"
        must_be_problem(answer, path)
        assert "GET" in answer.headers["Allow"], path
        head = await raw.send(shop.ports["gateway"], "HEAD", path)
        assert (head.status in (200, 307), head.body) == (True, b""), path
