"""A request costs what is wanted of it, however much it sends."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.contract.document import JSON, Operation, operations
from tests.contract.problems import must_be_problem
from tests.contract.test_bad_requests import IDS, PASSES
from tests.support.people import Answer, Person
from tests.support.shop import EmbeddedShop

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
KEYS: Final = ("{" + ",".join(f'"{i:x}":1' for i in range(111_000)) + "}").encode()
ANSWER_BYTES: Final = 8 * 1024
TICKS_S: Final = 0.01
ROUNDS: Final = 5


@pytest.fixture(scope="module")
async def writing(nobody: Person) -> list[Operation]:
    """Return the operations that read JSON."""
    return [operation for operation in await operations(nobody) if operation.media_type == JSON]


async def sent(person: Person, operation: Operation, body: bytes) -> Answer:
    """Send a body to an operation, with all headers that it may ask for."""
    headers = {**PASSES, "Content-Type": JSON}
    return await person.ask(operation.method, operation.path.format_map(IDS), body, headers=headers)


async def test_a_megabyte_of_unknown_keys(everybody: Person, writing: list[Operation]) -> None:
    """It is refused on every operation by a few kilobytes that name some of what is wrong."""
    for operation in writing:
        answer = await sent(everybody, operation, KEYS)
        assert answer.status in {413, 422}, f"{operation.id}: {answer}"
        assert len(answer.body) <= ANSWER_BYTES, operation.id
        must_be_problem(answer, operation.id)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/users"),
        ("POST", "/api/auth/logout"),
        ("POST", "/api/cart/items"),
        ("PUT", "/api/cart/items"),
    ],
)
async def test_the_shop_works_no_more_than_a_parser(
    nobody: Person, shop: EmbeddedShop, method: str, path: str
) -> None:
    """It spends no more processor on a megabyte of unknown keys than `json.loads` does in the same run."""
    program = shop.process
    reference = processor_of(lambda: [json.loads(KEYS) for _ in range(ROUNDS)])
    before = processor(program.pid)
    for _ in range(ROUNDS):
        answer = await nobody.ask(method, path, KEYS)
        assert answer.status in {413, 422}, answer
    assert processor(program.pid) - before <= reference + TICKS_S


async def test_a_small_body_of_unknown_keys(everybody: Person, writing: list[Operation]) -> None:
    """At most 20 errors are listed, the sentence says how many more there are, and long names are cut."""
    keys = {f"{number}\x00{'é' * 40}": 1 for number in range(100)}
    for operation in writing:
        answer = await sent(everybody, operation, json.dumps(keys, ensure_ascii=False).encode())
        assert answer.status == 422, f"{operation.id}: {answer}"
        assert len(answer.json["errors"]) <= 20
        assert len(answer.body) <= ANSWER_BYTES, operation.id
        assert " more." in answer.json["detail"], answer


@pytest.mark.parametrize("depth", [500, 4_000])
async def test_deep_nesting(everybody: Person, writing: list[Operation], depth: int) -> None:
    """A body that is nothing but brackets is the caller's mistake, whatever their number."""
    for operation in writing:
        for opening, closing in (("[", "]"), ('{"a":', "}")):
            body = opening * depth + ("1" if opening != "[" else "") + closing * depth
            answer = await sent(everybody, operation, body.encode())
            assert answer.status in {400, 413, 422}, f"{operation.id}: {answer}"
            assert len(answer.body) <= ANSWER_BYTES


async def test_many_form_fields(nobody: Person) -> None:
    """A form of ten thousand fields is refused by its size, one of a thousand by its fields."""
    media = {"Content-Type": "application/x-www-form-urlencoded"}
    for count, status in ((10_000, 413), (1_000, 422)):
        form = "&".join(f"f{number}=x" for number in range(count)).encode()
        answer = await nobody.ask("POST", "/api/auth/token", form, headers=media)
        assert answer.status in {status, 400}, answer
        assert len(answer.body) <= ANSWER_BYTES


def processor(pid: int) -> float:
    """Return the seconds of processor that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICKS_S


def processor_of(work: Callable[[], object]) -> float:
    """Return the seconds of processor that some work takes here."""
    began = time.process_time()
    work()
    return time.process_time() - began
