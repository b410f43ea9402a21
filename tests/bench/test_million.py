import asyncio

import pytest

from perf.bench.load import request_bytes
from perf.bench.million import Visitors
from tests.support.canned import HANG_UP, answering

pytestmark = pytest.mark.anyio
KINDS = {"lists": [request_bytes("GET", "/api/products")]}


async def look(answers: list[str]) -> Visitors:
    """Let visitors look for a while at a shop that begins to listen a moment later."""
    async with answering(lambda _: answers.pop(), listens_after_s=0.05) as port:
        visitors = Visitors(port, KINDS)
        async with visitors.looking():
            await asyncio.sleep(0.3)
    return visitors


async def test_visitors_wait_until_the_shop_listens() -> None:
    """A process that is starting is no failure, and no wait."""
    (figure,) = (await look(["200 OK|ok"] * 1000)).figures("meanwhile")
    assert figure.name == "lists meanwhile: p99"
    assert "statuses {200:" in figure.note


async def test_a_visitor_who_is_cut_off_is_a_failure() -> None:
    """Figures of a shop that drops its visitors would be those of the answered ones."""
    with pytest.raises(ConnectionError):
        await look([HANG_UP, "200 OK|ok", "200 OK|ok"])
