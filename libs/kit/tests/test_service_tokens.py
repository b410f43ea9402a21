"""A service's own token: renewed in time, never used past its end, and no storm on the user service."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from aiohttp import web
from store_kit.client.failures import NoToken
from store_kit.client.service_tokens import ServiceTokens
from store_kit.problems import PeerUnavailable
from store_kit.settings import StoreSettings

pytestmark = pytest.mark.anyio


@dataclass
class UserService:
    """Grants tokens `t1`, `t2` ... as long as it works."""

    status: int = 200
    body: str = ""
    expires_in: int = 600
    asked: int = 0

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked += 1
        form = await request.post()
        assert dict(form) == {
            "grant_type": "client_credentials",
            "client_id": "order",
            "client_secret": "secret",
        }
        token = {"access_token": f"t{self.asked}", "expires_in": self.expires_in}
        if self.body:
            return web.Response(status=self.status, text=self.body, content_type="application/json")
        return web.json_response(token, status=self.status)

    @asynccontextmanager
    async def tokens(self) -> AsyncIterator[ServiceTokens]:
        server = web.ServerRunner(web.Server(self.answer), shutdown_timeout=0.05)
        await server.setup()
        await web.TCPSite(server, "127.0.0.1", 0).start()
        settings = StoreSettings(user_url=f"http://127.0.0.1:{server.addresses[0][1]}", peer_timeout_s=1.0)
        try:
            yield ServiceTokens(settings, "order", "secret")
        finally:
            await server.cleanup()


async def shown(tokens: ServiceTokens) -> str:
    """Return the token that a call would show now."""
    if tokens.good_until_s <= time.monotonic():
        await tokens.renew()
    return tokens.bearer.removeprefix("Bearer ")


def grow_old(tokens: ServiceTokens, seconds: float) -> None:
    """Let the token in hand be older by `seconds`, and a refusal too."""
    tokens.good_until_s -= seconds
    tokens._expires_at -= seconds
    tokens._rest_until -= seconds


async def test_a_hundred_callers_at_once_ask_once() -> None:
    """The first token and each renewal are one request, however many wait for it."""
    user = UserService()
    async with user.tokens() as tokens:
        assert set(await asyncio.gather(*(shown(tokens) for _ in range(100)))) == {"t1"}
        grow_old(tokens, 580)
        assert set(await asyncio.gather(*(shown(tokens) for _ in range(100)))) == {"t2"}
    assert user.asked == 2


async def test_the_old_token_serves_while_the_user_service_is_away() -> None:
    """In its last seconds a token is still good; asking for the next one is not repeated for each call."""
    user = UserService()
    async with user.tokens() as tokens:
        await shown(tokens)
        user.status = 500
        grow_old(tokens, 580)
        assert [await shown(tokens) for _ in range(5)] == ["t1"] * 5
        assert user.asked == 2


async def test_an_expired_token_is_never_shown() -> None:
    """Past its end there is an error instead, at once for a second, and then a new token if there is one again."""
    user = UserService()
    async with user.tokens() as tokens:
        await shown(tokens)
        user.status = 503
        grow_old(tokens, 601)
        results = await asyncio.gather(*(shown(tokens) for _ in range(50)), return_exceptions=True)
        assert {type(result) for result in results} == {NoToken}
        user.status = 200
        with pytest.raises(NoToken):
            await shown(tokens)
        assert user.asked == 2
        grow_old(tokens, 1)
        assert await shown(tokens) == "t3"


async def test_a_refused_token_is_fetched_anew() -> None:
    """It does not come back when the user service is away; one that was renewed since stays."""
    user = UserService()
    async with user.tokens() as tokens:
        await shown(tokens)
        first = tokens.bearer
        tokens.forget(first)
        assert await shown(tokens) == "t2"
        # Two calls showed the first one; the other one hears of its refusal only now.
        tokens.forget(first)
        assert await shown(tokens) == "t2"
        tokens.forget(tokens.bearer)
        user.status = 500
        with pytest.raises(PeerUnavailable):
            await shown(tokens)


async def test_short_lived_tokens_are_used_for_half_their_life() -> None:
    """A lifetime below the usual margin does not mean a request per call."""
    user = UserService(expires_in=20)
    async with user.tokens() as tokens:
        assert [await shown(tokens) for _ in range(5)] == ["t1"] * 5
        assert tokens.good_until_s - time.monotonic() == pytest.approx(10, abs=1)


@pytest.mark.parametrize("body", ["no json", "[]", "{}", '{"access_token": 5}', '{"expires_in": "soon"}'])
async def test_an_odd_answer_is_no_token(body: str) -> None:
    """Whatever answers in place of the user service, the caller hears that there is no token."""
    async with UserService(body=body).tokens() as tokens:
        with pytest.raises(PeerUnavailable):
            await shown(tokens)
