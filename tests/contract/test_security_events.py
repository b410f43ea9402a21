"""Every route tells of a forged token, of a role that is not enough, and of an administrator's change."""

import re
from collections import Counter
from typing import Final

import pytest

from tests.contract.access import ACCESS
from tests.contract.test_ended_authority import status
from tests.support.people import Person
from tests.support.shop import SERVICES, EmbeddedShop

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
PUBLIC: Final = {route: who for route, who in ACCESS.items() if "/internal/" not in route}
ADMINISTRATIVE: Final = [route for route, who in PUBLIC.items() if who["other"] == 403]
COUNTED: Final = re.compile(r'store_security_events_total\{event="([a-z._]+)"\} (\d+)')


async def counted(shop: EmbeddedShop, person: Person) -> Counter[str]:
    """Return how many of each event the four services have told."""
    found: Counter[str] = Counter()
    for name in SERVICES:
        async with person.session.get(f"{shop.service_url(name)}/metrics") as answer:
            found.update({event: int(count) for event, count in COUNTED.findall(await answer.text())})
    return found


@pytest.mark.parametrize("route", [route for route, who in PUBLIC.items() if who["nobody"] == 401])
async def test_a_forged_token_is_told_of(route: str, shop: EmbeddedShop, ann: Person) -> None:
    """Wherever one must sign in."""
    before = await counted(shop, ann)
    forged = {"Authorization": f"{ann.headers['Authorization'][:-4]}AAAA"}
    assert await status(Person(ann.session, shop.url, forged), route) == 401
    assert await counted(shop, ann) - before == {"token.refused": 1}


@pytest.mark.parametrize("route", ADMINISTRATIVE)
async def test_who_is_no_administrator_is_told_of(route: str, shop: EmbeddedShop, ann: Person) -> None:
    """On every route that is an administrator's, whatever else is wrong with the request."""
    before = await counted(shop, ann)
    assert await status(ann, route) == 403
    assert await counted(shop, ann) - before == {"access.refused": 1}


@pytest.mark.parametrize("route", ADMINISTRATIVE)
async def test_what_an_administrator_asks_for_is_told_of(
    route: str, shop: EmbeddedShop, admin: Person
) -> None:
    """Products, stock, orders and accounts alike; looking is not told of."""
    before = await counted(shop, admin)
    await status(admin, route)
    told = {} if route.startswith("GET ") else {"admin.requested": 1}
    assert await counted(shop, admin) - before == told
