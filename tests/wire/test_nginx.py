"""nginx as configured for compose, in front of the real services: the same table, with answers of its own."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from tests.gateway.nginx import Gateway
from tests.support.shop import SERVICES, EmbeddedShop
from tests.wire.cases import CASES, OK, PLAIN, TOO_SLOW, Case, Target
from tests.wire.test_every_listener import must_answer

pytestmark = [pytest.mark.anyio, pytest.mark.gateway]

TARGET: Final = Target(b"/.well-known/jwks.json", b"/api/users")


@pytest.fixture(scope="session")
async def gateway(tmp_path_factory: pytest.TempPathFactory, shop: EmbeddedShop) -> AsyncIterator[Gateway]:
    """Run nginx in front of the shop's service ports."""
    folder: Path = tmp_path_factory.mktemp("nginx")
    (folder / "pages").mkdir()
    services = {name: [shop.ports[name]] for name in SERVICES}
    async with Gateway(folder, services, folder / "pages") as running:
        yield running


OWN: Final[dict[str, tuple[int, ...]]] = {
    # Four buffers of 16 KiB hold whole lines, and lines are not counted: the services never see these fields.
    "a head of 60 KiB": (431,),
    "101 fields": (OK,),
    "line feeds alone": (OK,),
    "101 trailers": (PLAIN,),
    "a hundred ahead": (OK,) * 100,
    "a tunnel": (400,),
    # It hangs up without a word on who is too slow, and within a body.
    "a size without end": (),
    "a trailer without end": (),
    "half a line": (),
    "half a head": (),
    "half a head behind a request": (OK,),
    "a body that was promised": (),
    "half a body": (),
    "half a chunk": (),
    "chunks without end": (),
    "half a body that has little time": (),
    "a body behind an offer": (),
}
"""What nginx answers where it is not what our listeners do."""


def expected(case: Case) -> tuple[int, ...]:
    """Return what nginx answers."""
    return OWN.get(case.name, case.answers)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_what_nginx_answers(gateway: Gateway, case: Case) -> None:
    """It answers as the table says; whatever it lets through, the services have their own bounds for."""
    await must_answer(gateway.port, TARGET, case, expected(case), ours=False)


async def test_what_takes_too_long(gateway: Gateway) -> None:
    """Nginx gives ten seconds to a head and to the pauses of a body; then it hangs up."""
    await asyncio.gather(
        *(must_answer(gateway.port, TARGET, case, expected(case), ours=False) for case in TOO_SLOW)
    )
