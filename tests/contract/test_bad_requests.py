"""Requests that are wrong in one way: each way has its status, on every operation it can happen to."""

import functools
import json
from typing import Any, Final

import pytest
from store_kit.http.bodies import SMALL_BODY

from tests.contract import raw
from tests.contract.document import FORM, JSON, Operation, operations
from tests.contract.problems import must_be_problem
from tests.support.people import Answer, Person
from tests.support.shop import EmbeddedShop

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
IDS: Final = dict.fromkeys(
    ("product_id", "order_id", "account_id", "session_id", "name"), "01936c7e-5b7a-7c3e-9f20-3d1f0a9b4c5d"
)
PASSES: Final = {"If-Match": "*", "Idempotency-Key": "contract-1"}
TWO_MEBIBYTES: Final = 2 * 1024 * 1024


@pytest.fixture(scope="module")
async def api(nobody: Person) -> list[Operation]:
    """Return every operation of the document."""
    return await operations(nobody)


async def sent(person: Person, operation: Operation, body: bytes, media_type: str) -> Answer:
    """Send a body to an operation."""
    headers = {**PASSES, "Content-Type": media_type}
    return await person.ask(operation.method, operation.path.format_map(IDS), body, headers=headers)


def with_body(api: list[Operation], media_type: str = JSON) -> list[Operation]:
    """Return the operations that take a body of this type."""
    return [operation for operation in api if operation.media_type == media_type]


async def test_unknown_field(everybody: Person, api: list[Operation]) -> None:
    """A field that is not known is 422 and named, at the top of every body and inside of what it holds."""
    for operation in with_body(api):
        for schema in operation.bodies():
            for body in with_surprises(operation.body(schema)):
                answer = await sent(everybody, operation, json.dumps(body).encode(), JSON)
                assert answer.status == 422, f"{operation.id} {body}: {answer}"
                must_be_problem(answer, operation.id)
                assert any("surprise" in f"{e['field']} {e['message']}" for e in answer.json["errors"]), (
                    answer
                )


def with_surprises(body: Any) -> list[Any]:
    """Return copies of a body, each with one unknown field more: in itself, or in a thing it holds."""
    if isinstance(body, list):
        return [[changed, *body[1:]] for changed in with_surprises(body[0])] if body else []
    if not isinstance(body, dict):
        return []
    inner = [{**body, name: changed} for name, value in body.items() for changed in with_surprises(value)]
    return [{**body, "surprise": 1}, *inner]


async def test_unknown_form_field(nobody: Person) -> None:
    """The form of a token request refuses what it does not know, and what comes twice."""
    for more, status in (("surprise=1", 400), ("password=again", 400)):
        form = f"username=a%40b.example&password=12345678&{more}"
        answer = await nobody.ask("POST", "/api/auth/token", form.encode(), headers={"Content-Type": FORM})
        assert answer.status == status, answer
        must_be_problem(answer, more)


async def test_too_much(everybody: Person, api: list[Operation], shop: EmbeddedShop) -> None:
    """A body of two mebibytes is 413 wherever a body is taken, and where none is, whether it tells its size or not."""
    huge = b'{"name": "' + b"x" * TWO_MEBIBYTES + b'"}'
    for operation in api:
        media_type = ("Content-Type", operation.media_type or JSON)
        in_chunks = (media_type, ("Transfer-Encoding", "chunked"))
        path, headers = operation.path.format_map(IDS), {**everybody.headers, **PASSES}
        send = functools.partial(raw.send, shop.ports["gateway"], operation.method, path, headers=headers)
        answers = [await send(more=(media_type,), body=huge)]
        if operation.media_type:
            answers.append(await send(more=in_chunks, body=chunked(huge)))
        for answer in answers:
            assert answer.status == 413, f"{operation.id}: {answer}"
            must_be_problem(answer, operation.id)


def chunked(body: bytes) -> bytes:
    """Return a body in the chunks of HTTP, which do not tell their sum."""
    step = 64 * 1024
    pieces = [body[start : start + step] for start in range(0, len(body), step)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


NOT_JSON: Final = {
    "empty": b"",
    "blank": b"  ",
    "open": b"{",
    "trailing comma": b'{"a": 1,}',
    "two documents": b"{}{}",
    "comment": b"{} // x",
    "single quotes": b"{'a': 1}",
    "not UTF-8": b'{"name": "\xff\xfe"}',
    "UTF-16": '{"surprise": "x"}'.encode("utf-16"),
    "NUL": b"\x00",
    "deep array": b"[" * 200_000,
    "deep and closed": b"[" * 100_000 + b"]" * 100_000,
    "deep object": b'{"a":' * 100_000,
    "NaN": b'{"quantity": NaN}',
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON.keys())
async def test_what_is_not_json(everybody: Person, api: list[Operation], body: bytes) -> None:
    """A body that cannot be read, or is nested beyond reason, is refused as a problem and costs nothing else."""
    for operation in with_body(api):
        answer = await sent(everybody, operation, body, JSON)
        allowed = {400, 422} | ({409} if operation.id == "place_order" and not body.strip() else set())
        allowed |= {413} if len(body) > SMALL_BODY else set()
        assert answer.status in allowed, f"{operation.id}: {answer}"
        must_be_problem(answer, operation.id)


WRONG_SHAPES: Final = ("null", "[]", '"text"', "17", "true", "[{}]", "1e999", "-0", "{}")


@pytest.mark.parametrize("text", WRONG_SHAPES)
async def test_json_of_another_shape(everybody: Person, api: list[Operation], text: str) -> None:
    """JSON that is not what an operation takes is refused as a problem; what needs no field may take an empty one."""
    for operation in with_body(api):
        answer = await sent(everybody, operation, text.encode(), JSON)
        if text in ("{}", "null") and operation.id in ("place_order", "patch_product"):
            assert answer.status in (404, 409, 422), f"{operation.id}: {answer}"
        else:
            assert answer.status in (400, 422), f"{operation.id}: {answer}"
        must_be_problem(answer, operation.id)


NUMBERS: Final = (
    *(str(2**53 + 1), str(2**63 - 1), str(2**63), str(2**64), str(-(2**63) - 1), "9" * 400),
    *("1e400", "1e30", "-1e30", "0.5", "1.5", "true", '"1"', "[1]", "{}", "null"),
)


async def test_numbers(everybody: Person, api: list[Operation]) -> None:
    """Numbers beyond what can be stored, parts of numbers and what only looks like one are 422, never a fault."""
    tried = 0
    for operation in with_body(api):
        for schema in operation.bodies():
            for name, one in schema.get("properties", {}).items():
                if operation.shapes(one)[0].get("type") != "integer":
                    continue
                may_be_null = {"type": "null"} in one.get("anyOf", ())
                for number in NUMBERS[: -1 if may_be_null else None]:
                    text = json.dumps({**operation.body(schema), name: "@"}).replace('"@"', number)
                    answer = await sent(everybody, operation, text.encode(), JSON)
                    assert answer.status in (400, 404, 422), f"{operation.id} {name}={number[:30]}: {answer}"
                    must_be_problem(answer, operation.id)
                    tried += 1
    assert tried > 50


async def test_numbers_in_queries(everybody: Person, api: list[Operation]) -> None:
    """In a query too, and in its spelling of digits."""
    tried = set()
    for operation in api:
        for parameter in operation.parameters:
            if (
                parameter["in"] != "query"
                or operation.shapes(parameter["schema"])[0].get("type") != "integer"
            ):
                continue
            for number in (*NUMBERS[:6], "-1", "1.5", "1e2", "", "%20", "0x1", "%D9%A1", "%EF%BC%91"):
                target = f"{operation.path.format_map(IDS)}?{parameter['name']}={number}"
                answer = await everybody.ask(operation.method, target)
                assert answer.status == 422, f"{target[:100]}: {answer}"
                must_be_problem(answer, target[:100])
                tried.add((operation.id, parameter["name"]))
    assert tried >= {("list_products", name) for name in ("limit", "min_price", "max_price")}


async def test_a_key_given_twice(admin: Person, ann: Person) -> None:
    """A key that comes twice in a body is one value or a refusal, never both or a fault."""
    first, second = await admin.create_product(stock=5), await admin.create_product(stock=5)
    body = f'{{"product_id": "{first}", "quantity": 1, "product_id": "{second}", "quantity": 2}}'
    answer = await ann.ask("POST", "/api/cart/items", body.encode())
    assert answer.status in (200, 400, 422), answer
    items = (await ann.ask("GET", "/api/cart")).expect(200)["items"]
    if answer.status == 200:
        assert [(item["product_id"], item["quantity"]) for item in items] == [(second, 2)]
    (await ann.ask("DELETE", "/api/cart")).expect(204)


async def test_a_key_of_another_kind_given_again(everybody: Person, api: list[Operation]) -> None:
    """What a key says last counts: a good value does not smuggle a bad one in."""
    for operation in with_body(api):
        for schema in operation.bodies():
            text = json.dumps(operation.body(schema))
            for name in schema.get("properties", {}):
                twice = f'{text[:-1]}, {json.dumps(name)}: {{"$ne": 1}}}}'
                answer = await sent(everybody, operation, twice.encode(), JSON)
                assert answer.status in (400, 422), f"{operation.id} {name}: {answer}"
                must_be_problem(answer, operation.id)


WRONG_TYPES: Final = (
    "text/plain",
    "application/xml",
    FORM,
    "multipart/form-data; boundary=x",
    "nonsense",
    "",
)


@pytest.mark.parametrize("media_type", WRONG_TYPES)
async def test_another_media_type(everybody: Person, api: list[Operation], media_type: str) -> None:
    """JSON that is said to be something else is refused as a problem."""
    for operation in with_body(api):
        body = json.dumps(operation.body(operation.bodies()[0])).encode()
        answer = await sent(everybody, operation, body, media_type)
        assert (answer.status, answer.slug) == (415, "unsupported-media-type"), f"{operation.id}: {answer}"
        must_be_problem(answer, operation.id)
