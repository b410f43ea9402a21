"""Every list of the document: bounds, links, cursors, and pages that hold still while the list moves."""

import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from tests.contract.conftest import CALM
from tests.contract.document import Operation, operations
from tests.contract.problems import must_be_problem
from tests.support.people import PASSWORD, Person, customer
from tests.support.wait import until

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
SETTINGS: Final = CALM
THINGS: Final = 7
"""How many things each list has at least: more than a page of the tests."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A list, seen by somebody: where it is, what names an item, and how one more gets into it."""

    path: str
    reader: Person
    key: str
    insert: Callable[[], Awaitable[object]]

    async def page(self, limit: int, cursor: str | None = None) -> dict[str, Any]:
        """Return one page."""
        separator = "&" if "?" in self.path else "?"
        query = f"{separator}limit={limit}" + (f"&cursor={quote(cursor)}" if cursor else "")
        shown: dict[str, Any] = (await self.reader.ask("GET", self.path + query)).expect(200)
        return shown

    async def keys(self, limit: int = 100) -> list[str]:
        """Return what is in the list, page by page."""
        found: list[str] = []
        cursor = None
        while True:
            shown = await self.page(limit, cursor)
            found += [str(item[self.key]) for item in shown["items"]]
            cursor = shown["next_cursor"]
            if cursor is None:
                return found


@pytest.fixture(scope="module")
async def lists(admin: Person, ann: Person, nobody: Person) -> dict[str, Listed]:
    """Return every list of the shop by its operation, each with some things in it."""
    stocked = await admin.create_product(stock=1_000_000)

    async def order() -> object:
        (await ann.add(stocked)).expect(200)
        return (await ann.order()).expect(201)

    async def account() -> object:
        body = {"email": f"{uuid.uuid4().hex}@example.com", "password": PASSWORD}
        return (await nobody.ask("POST", "/api/users", body)).expect(201)

    lists = {
        "list_products": Listed("/api/products", nobody, "id", admin.create_product),
        "list_stock": Listed("/api/admin/stock", admin, "product_id", admin.create_product),
        "list_carts": Listed("/api/admin/carts", admin, "owner_id", lambda: nobody.add(stocked)),
        "list_orders": Listed("/api/orders", ann, "id", order),
        "list_all_orders": Listed("/api/admin/orders", admin, "id", order),
        "list_my_notifications": Listed("/api/users/me/notifications", ann, "id", order),
        "list_users": Listed("/api/admin/users", admin, "id", account),
    }
    for name in ("list_products", "list_carts", "list_orders", "list_users"):
        for _ in range(THINGS):
            await lists[name].insert()
    for one in lists.values():
        await at_least(one, THINGS)
    return lists


async def at_least(one: Listed, count: int) -> None:
    """Wait until a list that follows others has caught up."""

    async def enough() -> bool:
        return len(await one.keys()) >= count

    await until(enough, f"{one.path} has {count} items")


async def test_no_list_is_forgotten(lists: dict[str, Listed], nobody: Person) -> None:
    """The lists below are exactly the operations that take a cursor."""
    assert sorted(lists) == sorted(o.id for o in await operations(nobody) if takes_cursor(o))


def takes_cursor(operation: Operation) -> bool:
    """Say whether an operation shows its things page by page."""
    return any(parameter["name"] == "cursor" for parameter in operation.parameters)


async def test_limits(lists: dict[str, Listed]) -> None:
    """A page has 1 to 100 items; anything else as `limit` is 422."""
    for name, one in lists.items():
        assert len((await one.page(1))["items"]) == 1, name
        assert len((await one.page(100))["items"]) >= THINGS, name
        for limit in ("0", "-1", "101", "1000000", "99999999999999999999", "x", "", "1.5", "2e1", "null"):
            answer = await one.reader.ask("GET", f"{one.path}?limit={limit}")
            assert (answer.status, answer.slug) == (422, "invalid-input"), f"{name} limit={limit}: {answer}"
            must_be_problem(answer, name)


async def test_links(lists: dict[str, Listed]) -> None:
    """`Link: rel=next` leads to the page that `next_cursor` leads to, with the query as it was; the last has none."""
    for name, one in lists.items():
        answer = await one.reader.ask("GET", f"{one.path}?limit=2")
        target, _, relation = answer.headers["Link"].partition(">; ")
        assert relation == 'rel="next"', name
        link = urlsplit(target.removeprefix("<"))
        assert link.path == one.path, name
        assert dict(parse_qsl(link.query)) == {"limit": "2", "cursor": answer.json["next_cursor"]}, name
        followed = (await one.reader.ask("GET", f"{link.path}?{link.query}")).expect(200)
        assert followed == await one.page(2, answer.json["next_cursor"]), name
        last = await one.reader.ask("GET", f"{one.path}?limit=100")
        assert (last.json["next_cursor"] is None) == ("Link" not in last.headers), name


async def test_tampered_cursors(lists: dict[str, Listed], bob: Person) -> None:
    """A cursor that was altered, cut, made up, or is another list's or another person's is 400."""
    cursors = {name: (await one.page(2))["next_cursor"] for name, one in lists.items()}
    for name, one in lists.items():
        own = cursors[name]
        others = [cursor for other, cursor in cursors.items() if other != name]
        for cursor in (*altered(own), *others, "x", "null", "0", "AAAA", "=" * 8, "é", "\x00", own * 20):
            answer = await one.reader.ask("GET", f"{one.path}?limit=2&cursor={quote(cursor)}")
            expected = (400, "invalid-cursor") if len(cursor) <= 2048 else (422, "invalid-input")
            assert (answer.status, answer.slug) in {expected, (400, "invalid-cursor")}, (
                f"{name} {cursor}: {answer}"
            )
            must_be_problem(answer, name)
    for name in ("list_orders", "list_my_notifications"):
        answer = await bob.ask("GET", f"{lists[name].path}?cursor={cursors[name]}")
        assert (answer.status, answer.slug) == (400, "invalid-cursor"), f"{name} of another: {answer}"


def altered(cursor: str) -> Sequence[str]:
    """Return copies of a cursor, each with one letter changed, cut, or added."""
    changed = [cursor[:n] + ("A" if cursor[n] != "A" else "B") + cursor[n + 1 :] for n in range(len(cursor))]
    return [*changed, cursor[:-1], cursor[1:], cursor + "A", cursor + "=", cursor.swapcase()]


@pytest.mark.usefixtures("lists")
async def test_a_cursor_of_another_query(admin: Person) -> None:
    """A cursor works for the filters and the order it was made for, and for no others."""
    product = (await admin.ask("GET", "/api/products?sort=price&limit=2")).expect(200)["next_cursor"]
    for query in ("sort=name", "sort=-price", "sort=price&in_stock=true", "sort=price&search=thing", ""):
        answer = await admin.ask("GET", f"/api/products?{query}&cursor={product}")
        assert (answer.status, answer.slug) == (400, "invalid-cursor"), query
    (await admin.ask("GET", f"/api/products?sort=price&limit=50&cursor={product}")).expect(200)
    order = (await admin.ask("GET", "/api/admin/orders?limit=2")).expect(200)["next_cursor"]
    answer = await admin.ask("GET", f"/api/admin/orders?status=CREATED&cursor={order}")
    assert (answer.status, answer.slug) == (400, "invalid-cursor")


async def test_pages_hold_still_while_things_come(lists: dict[str, Listed]) -> None:
    """Whoever walks a list sees each thing that was there from the beginning once, whatever comes meanwhile."""
    for name, one in lists.items():
        before = set(await one.keys())
        seen: list[str] = []
        cursor = None
        for _ in range(len(before) + 5):
            shown = await one.page(2, cursor)
            seen += [str(item[one.key]) for item in shown["items"]]
            cursor = shown["next_cursor"]
            if cursor is None:
                break
            if len(seen) < 2 * THINGS:
                await one.insert()
        assert cursor is None, f"{name} has no end"
        assert len(seen) == len(set(seen)), f"{name} shows something twice"
        assert before <= set(seen), f"{name} leaves something out"


@pytest.mark.parametrize("sort", ["name", "-name", "price", "-price", "newest"])
async def test_pages_hold_still_while_products_go(sort: str, admin: Person, nobody: Person) -> None:
    """Deleting what was shown, and what is shown next, loses nobody else and shows nobody twice."""
    category = uuid.uuid4().hex
    made = [
        await admin.create_product(name=f"{'ABC'[n % 3]} {n}", price_minor=100 + n % 4, category=category)
        for n in range(12)
    ]
    one = Listed(f"/api/products?category={category}&sort={sort}", nobody, "id", admin.create_product)
    order = await one.keys()
    assert sorted(order) == sorted(made)
    gone = {order[1], order[3], order[4], order[7]}
    seen: list[str] = []
    cursor = None
    for turn in range(12):
        shown = await one.page(2, cursor)
        seen += [item["id"] for item in shown["items"]]
        cursor = shown["next_cursor"]
        if cursor is None:
            break
        if turn == 1:
            for product in gone:
                (await admin.ask("DELETE", f"/api/products/{product}", headers={"If-Match": "*"})).expect(204)
    assert seen == [product for product in order if product not in gone or product in seen]
    assert set(order) - gone <= set(seen)


async def test_somebody_new_has_empty_lists(nobody: Person) -> None:
    """An empty list is an empty page, not an error."""
    eve = await customer(nobody.session, nobody.url)
    for path in ("/api/orders", "/api/users/me/notifications"):
        assert (await eve.ask("GET", path)).expect(200) == {"items": [], "next_cursor": None}
