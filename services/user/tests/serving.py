"""What tests do with a running user service, in their words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from store_kit.running.service import Service
from store_user.use_cases import UseCases

PASSWORD = "three blue kettles"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str
    body: Any

    @property
    def slug(self) -> str:
        return str(self.body["type"]).rpartition("#")[2]


@dataclass(frozen=True)
class Shop:
    client: aiohttp.ClientSession
    service: Service

    @property
    def use_cases(self) -> UseCases:
        cases: UseCases = self.service.app.state.api.use_cases
        return cases

    async def call(self, method: str, path: str, token: str = "", **request: Any) -> Answer:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= request.pop("headers", {})
        async with self.client.request(method, path, headers=headers, **request) as response:
            text = await response.text()
            body = await response.json(content_type=None) if text.startswith(("{", "[")) else None
            return Answer(response.status, response.headers, text, body)

    async def register(self, email: str = "ann@example.com", **fields: Any) -> Answer:
        return await self.call("POST", "/api/users", json={"email": email, "password": PASSWORD} | fields)

    async def token(self, **form: str) -> Answer:
        return await self.call("POST", "/api/auth/token", data=form)

    async def log_in(self, email: str = "ann@example.com", password: str = PASSWORD) -> Answer:
        return await self.token(grant_type="password", username=email, password=password)

    async def refresh(self, refresh_token: str) -> Answer:
        return await self.token(grant_type="refresh_token", refresh_token=refresh_token)

    async def customer(self, email: str = "ann@example.com") -> str:
        """Return the access token of a new customer."""
        assert (await self.register(email)).status == 201
        return str((await self.log_in(email)).body["access_token"])

    async def admin(self, email: str = "root@example.com") -> str:
        """Return the access token of an administrator."""
        await self.use_cases.ensure_admin(email, PASSWORD)
        return str((await self.log_in(email)).body["access_token"])

    def machine(self, name: str = "order") -> str:
        """Return the access token of a service."""
        return self.use_cases.authenticate_client.access_tokens.sign_for_service(name)
