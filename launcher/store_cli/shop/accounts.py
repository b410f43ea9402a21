"""Who the commands are to the shop: the administrator found on this machine, and the shoppers of a replay."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import msgspec

from store_cli.boundary import WrongUsage
from store_cli.console import DEFAULT_BASE_URL
from store_cli.shop.client import Answer, Shop, ShopProblem

DEMO_ADMIN_FILE = Path("secrets") / "demo_admin.json"
FIRST_CONTACT_PATIENCE_S = 3.0


class NoCredentials(WrongUsage):
    """The command was not told who the administrator is."""


class Credentials(msgspec.Struct, frozen=True):
    """E-mail and password of an account; the demo's file also says where its shop is."""

    email: str
    password: str
    base_url: str = DEFAULT_BASE_URL

    def __repr__(self) -> str:
        """Keep the password out of logs and tracebacks."""
        return f"Credentials(email={self.email!r})"


def find_admin(data: Path, environment: Mapping[str, str] = os.environ) -> Credentials:
    """Return the administrator: from STORE_ADMIN_EMAIL and STORE_ADMIN_PASSWORD, else the demo's in `data`.

    Raises:
        NoCredentials: neither is there, or the file cannot be read.
    """
    email, password = environment.get("STORE_ADMIN_EMAIL"), environment.get("STORE_ADMIN_PASSWORD")
    if email and password:
        return Credentials(email, password)
    path = data / DEMO_ADMIN_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Credentials)
    except FileNotFoundError:
        text = (
            f"No administrator is known: {path} does not exist. Start the demo shop (store up), "
            "point --data at its folder, or set STORE_ADMIN_EMAIL and STORE_ADMIN_PASSWORD."
        )
        raise NoCredentials(text) from None
    except (OSError, msgspec.DecodeError) as failure:
        text = f"{path} cannot be read: {failure}. Set STORE_ADMIN_EMAIL and STORE_ADMIN_PASSWORD instead."
        raise NoCredentials(text) from failure


class _Token(msgspec.Struct):
    access_token: str
    refresh_token: str | None = None


@dataclass
class Account:
    """A person with a password, signed in to a shop; a token that ran out is replaced on the way."""

    shop: Shop
    credentials: Credentials

    def __post_init__(self) -> None:
        """Begin signed out."""
        self._headers: dict[str, str] = {}
        self._refresh_token: str | None = None
        self._signing_in = asyncio.Lock()

    async def register(self, patience_s: float | None = None) -> None:
        """Make the account unless it exists.

        Raises:
            ShopProblem: the shop refused for any other reason.
        """
        body = {"email": self.credentials.email, "password": self.credentials.password}
        answer = await self.shop.call("POST", "/api/users", body=body, patience_s=patience_s)
        if not answer.ok and answer.status != HTTPStatus.CONFLICT:
            raise answer.problem()

    async def sign_in(self, patience_s: float | None = None) -> None:
        """Get a token by password.

        Raises:
            ShopProblem: the password is wrong, or signing in is throttled for longer than the patience.
        """
        form = {
            "grant_type": "password",
            "username": self.credentials.email,
            "password": self.credentials.password,
        }
        answer = await self.shop.call("POST", "/api/auth/token", form=form, patience_s=patience_s)
        self._keep(answer.read(_Token))

    async def call(
        self, method: str, path: str, *, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask as this person; see Shop.call."""
        sent = self._headers
        answer = await self.shop.call(method, path, body=body, headers={**sent, **(headers or {})})
        if answer.status != HTTPStatus.UNAUTHORIZED:
            return answer
        async with self._signing_in:
            if self._headers is sent:
                await self._renew()
        return await self.shop.call(method, path, body=body, headers={**self._headers, **(headers or {})})

    async def _renew(self) -> None:
        if self._refresh_token is not None:
            form = {"grant_type": "refresh_token", "refresh_token": self._refresh_token}
            answer = await self.shop.call("POST", "/api/auth/token", form=form)
            if answer.ok:
                self._keep(answer.read(_Token))
                return
        await self.sign_in()

    def _keep(self, token: _Token) -> None:
        self._headers = {"Authorization": f"Bearer {token.access_token}"}
        self._refresh_token = token.refresh_token


@asynccontextmanager
async def signed_in(
    credentials: Credentials, base_url: str | None, *, connections: int = 64
) -> AsyncIterator[Account]:
    """Give the administrator signed in to a shop, which is the demo's own without an address; fails soon without one.

    Raises:
        ShopUnreachable: nothing answers at the shop's address.
        ShopProblem: the shop does not know this administrator.
    """
    async with Shop(base_url or credentials.base_url, connections=connections) as shop:
        account = Account(shop, credentials)
        try:
            await account.sign_in(FIRST_CONTACT_PATIENCE_S)
        except ShopProblem as problem:
            if problem.status not in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED):
                raise
            text = (
                f"The shop at {shop.base_url} does not know {credentials.email} as its administrator: {problem}. "
                "Was the password changed? Set STORE_ADMIN_EMAIL and STORE_ADMIN_PASSWORD."
            )
            raise ShopProblem(problem.status, problem.slug, text) from problem
        yield account
