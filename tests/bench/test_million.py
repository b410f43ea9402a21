import asyncio

import pytest

from perf.bench.load import request_bytes
from perf.bench.million import Visitors
from tests.support.canned import HANG_UP, NEVER, answering
from tests.support.wait import until

pytestmark = pytest.mark.anyio
KINDS = {"lists": [request_bytes("GET", "/api/products")]}


async def look(answers: list[str]) -> Visitors:
    """Let visitors look at a shop that listens a moment later, until it has no answer left or they have gone."""
    in_vain = asyncio.Event()

    def answer(_: str) -> str:
        if answers:
            return answers.pop()
        in_vain.set()
        return NEVER

    async with answering(answer, listens_after_s=0.05) as port:
        visitors, others = Visitors(port, KINDS), asyncio.all_tasks()
        async with visitors.looking():
            looking = asyncio.all_tasks() - others
            await until(lambda: in_vain.is_set() or all(task.done() for task in looking), "they have looked")
    return visitors


async def test_visitors_wait_until_the_shop_listens() -> None:
    """A process that is starting is no failure, and no wait."""
    (figure,) = (await look(["200 OK|ok"] * 3)).figures("meanwhile")
    assert figure.name == "lists meanwhile: p99"
    assert "statuses {200: 3}" in figure.note


async def test_a_visitor_who_is_cut_off_is_a_failure() -> None:
    """Figures of a shop that drops its visitors would be those of the answered ones."""
    with pytest.raises(ConnectionError):
        await look([HANG_UP, "200 OK|ok", "200 OK|ok"])
