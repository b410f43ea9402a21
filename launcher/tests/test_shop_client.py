"""The client of the public API, where a shop answers oddly or not at all."""

import asyncio

import pytest
from store_cli.shop.client import Answer, Shop, ShopError, ShopProblem, ShopUnreachable


def answer(status: int, body: bytes, **headers: str) -> Answer:
    """Return an answer to GET /x."""
    return Answer("GET", "/x", status, body, headers)


def test_an_answer_of_another_shape_is_a_problem() -> None:
    """JSON that is not what was asked for, or no JSON at all, names the request and the status."""
    for body in (b"[]", b"<html>"):
        with pytest.raises(ShopProblem, match="GET /x answered 200 with something unexpected"):
            answer(200, body).read(dict[str, int])


def test_an_error_that_is_not_a_problem_document_is_quoted() -> None:
    """A proxy's page is shown up to a length; an empty one says that there is no reason."""
    assert str(answer(502, b"<html>Bad Gateway</html>").problem()).endswith("502: <html>Bad Gateway</html>")
    assert str(answer(502, b"").problem()).endswith("502: no reason given")


@pytest.mark.parametrize(("said", "seconds"), [("2", 2.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0)])
def test_retry_after_in_seconds_is_honoured(said: str, seconds: float) -> None:
    """A date, which this shop never sends, counts as none."""
    assert answer(503, b"", **{"Retry-After": said}).pause_asked_for() == seconds


def test_a_shop_is_used_inside_its_context() -> None:
    """Outside there are no connections; that is a fault of the caller."""
    with pytest.raises(RuntimeError, match="outside its context"):
        asyncio.run(Shop("http://127.0.0.1:9").once("GET", "/", None, {}))


def test_what_cannot_be_called_is_named(unused_tcp_port: int) -> None:
    """An address that cannot be used, and one where nothing listens."""

    async def ask(base_url: str) -> None:
        async with Shop(base_url, patience_s=0) as shop:
            await shop.call("GET", "/")

    with pytest.raises(
        ShopUnreachable, match=f"No answer from the shop at http://127.0.0.1:{unused_tcp_port}"
    ):
        asyncio.run(ask(f"http://127.0.0.1:{unused_tcp_port}"))
    with pytest.raises(ShopError, match="http://a b"):
        asyncio.run(ask("http://a b"))
