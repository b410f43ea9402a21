"""What is kept by caches, and for whom: every route, asked by two people and two guests."""

from collections.abc import Mapping
from typing import Final

import pytest

from tests.contract.conftest import CALM
from tests.contract.document import Operation, operations
from tests.contract.test_bad_requests import IDS, PASSES
from tests.support.people import Person

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
SETTINGS: Final = CALM
CREDENTIALS: Final = {"authorization", "cart-token"}


@pytest.fixture(scope="module")
async def product(admin: Person) -> str:
    """Return a product that everybody has in the cart."""
    return await admin.create_product(stock=1_000)


@pytest.fixture(scope="module")
async def people(ann: Person, bob: Person, nobody: Person, product: str) -> list[Person]:
    """Return two people and two guests who have done the same, so that their things look alike."""
    guests = [Person(nobody.session, nobody.url), Person(nobody.session, nobody.url)]
    for person in (ann, bob, *guests):
        added = await person.add(product)
        assert added.status == 200, added
        if person in guests:
            person.headers["Cart-Token"] = added.headers["Cart-Token"]
    for person in (ann, bob):
        (await person.order()).expect(201)
    return [ann, bob, *guests]


@pytest.fixture(scope="module")
async def reads(nobody: Person) -> list[Operation]:
    """Return every operation that reads."""
    return [operation for operation in await operations(nobody) if operation.method == "GET"]


def is_personal(operation: Operation) -> bool:
    """Say whether the document says that it matters who asks."""
    asks = any(parameter["name"].lower() == "cart-token" for parameter in operation.parameters)
    return asks or bool(operation.spec.get("security"))


def kept_apart(headers: Mapping[str, str]) -> bool:
    """Say whether no cache shows an answer to somebody else."""
    caching = {word.strip() for word in headers["Cache-Control"].split(",")}
    varies = {name.strip().lower() for name in headers.get("Vary", "").split(",")}
    return "no-store" in caching or ({"private", "no-cache"} <= caching and varies >= CREDENTIALS)


async def path_of(operation: Operation, person: Person, product: str) -> str:
    """Return where somebody finds their own thing."""
    ids = {**IDS, "product_id": product, "account_id": person.id or IDS["account_id"]}
    if "{order_id}" in operation.path and person.id:
        ids["order_id"] = (await person.ask("GET", "/api/orders")).expect(200)["items"][0]["id"]
    return operation.path.format_map(ids)


async def test_personal_answers_are_kept_apart(
    reads: list[Operation], people: list[Person], admin: Person, product: str
) -> None:
    """Whatever depends on who asks is stored nowhere, or privately and under credentials; refusals too."""
    personal = [operation for operation in reads if is_personal(operation)]
    assert len(personal) >= 12
    for operation in personal:
        for person in (*people, admin):
            answer = await person.ask("GET", await path_of(operation, person, product))
            assert kept_apart(answer.headers), f"{operation.id}: {answer}"


async def test_nobody_is_told_that_somebody_elses_thing_is_unchanged(
    reads: list[Operation], people: list[Person], product: str
) -> None:
    """A tag that Ann was given is never 304 to Bob, nor a guest's to another one, where it matters who asks."""
    seen = 0
    for operation in (operation for operation in reads if is_personal(operation)):
        for owner in people:
            path = await path_of(operation, owner, product)
            tag = (await owner.ask("GET", path)).headers.get("ETag")
            if tag is None:
                continue
            again = await owner.ask("GET", path, headers={"If-None-Match": tag})
            assert again.status == 304, f"{operation.id}: {again}"
            assert kept_apart(again.headers), f"{operation.id}: {again}"
            for other in (person for person in people if person is not owner):
                answer = await other.ask("GET", path, headers={"If-None-Match": tag})
                assert answer.status != 304, f"{operation.id}: {answer}"
                seen += 1
    assert seen >= 3 * 8


async def test_public_answers_are_asked_about_again(
    reads: list[Operation], people: list[Person], product: str
) -> None:
    """What is the same for everybody may be kept, says for how long, and is the same for everybody."""
    for operation in (operation for operation in reads if not is_personal(operation)):
        answers = [await person.ask("GET", await path_of(operation, person, product)) for person in people]
        assert {answer.headers["Cache-Control"] for answer in answers} <= {
            "no-cache",
            "no-store",
            "public, max-age=300",
        }, operation.id
        if "no-store" not in answers[0].headers["Cache-Control"]:
            assert len({answer.body for answer in answers}) == 1, operation.id


async def test_every_answer_says_how_it_is_kept(nobody: Person) -> None:
    """Writes, refusals and errors of every route say it as well."""
    for operation in await operations(nobody):
        path = operation.path.format_map(IDS)
        answer = await nobody.ask(operation.method, path, b"{}", headers={**PASSES, "Content-Type": "text/x"})
        assert "Cache-Control" in answer.headers, f"{operation.id}: {answer}"
    for path in ("/api/nothing", "/docs/", "/swagger/", "/openapi.json", "/nothing"):
        assert "Cache-Control" in (await nobody.ask("GET", path)).headers, path
