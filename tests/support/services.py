"""Helpers for the tests of all services: tokens of a test issuer, a service on a real free port."""

import asyncio
import contextlib
import os
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from importlib.resources.abc import Traversable
from typing import Any, Final, TypeVar

import aiohttp
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey
from store_kit.access.tokens import ALGORITHM, TOKEN_TYPE, TokenVerifier
from store_kit.cassandra.keyspace import Cassandra
from store_kit.cassandra.schema import open_keyspace
from store_kit.deadline import start_budget
from store_kit.running.server import Runner
from store_kit.running.service import Service
from store_kit.secrets import Secrets
from store_kit.settings import StoreSettings
from store_kit.shop import SERVICE, Scope
from store_kit.telemetry.metrics import Metrics

from tests.support.ports import lasting_port

T = TypeVar("T")
_KEYSPACE_WITHIN_S: Final = 120.0
"""How long a test cluster may take to make a keyspace; a busy machine needs some seconds."""


class TestIssuer:
    """Signs access tokens as the user service does."""

    __test__ = False  # a helper, not a test case

    def __init__(self, settings: StoreSettings) -> None:
        self._settings = settings
        self._key = OKPKey.generate_key("Ed25519", {"kid": "test"}, private=True)

    def token(
        self, subject: str, roles: Sequence[str] = ("customer",), *, ttl_s: float = 300, **claims: Any
    ) -> str:
        """Return an access token; `claims` override its claims."""
        now = int(time.time())
        content = {
            "iss": self._settings.token_issuer,
            "aud": self._settings.token_audience,
            "sub": subject,
            "roles": list(roles),
            "iat": now,
            "exp": now + int(ttl_s),
            **({"scope": " ".join(Scope)} if SERVICE in roles else {}),
        } | claims
        return jwt.encode(
            {"alg": ALGORITHM, "typ": TOKEN_TYPE, "kid": "test"}, content, self._key, [ALGORITHM]
        )

    def headers(self, subject: str, roles: Sequence[str] = ("customer",)) -> dict[str, str]:
        """Return the Authorization header of a token."""
        return {"Authorization": f"Bearer {self.token(subject, roles)}"}

    async def jwks(self) -> Mapping[str, Any]:
        """Return the public keys."""
        return dict(KeySet([self._key]).as_dict(private=False))

    def verifier(self) -> TokenVerifier:
        """Return a verifier that trusts this issuer."""
        return TokenVerifier(
            self.jwks, issuer=self._settings.token_issuer, audience=self._settings.token_audience
        )


def free_port() -> int:
    """Return a port that was free a moment ago, another one at each call."""
    return lasting_port()


@contextlib.asynccontextmanager
async def serve_service(service: Service) -> AsyncIterator[aiohttp.ClientSession]:
    """Run a service on a free port; yields a client session whose base URL is the service."""
    service.port = free_port()
    runner = Runner([service])
    await runner.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{service.port}") as client:
            yield client
    finally:
        await runner.stop()


async def within_budget(seconds: float, call: Awaitable[T]) -> T:
    """Await a call with a time budget, in a task of its own: tests may share one, and a budget stays with its task."""

    async def hurried() -> T:
        start_budget(seconds)
        return await call

    return await asyncio.create_task(hurried())


def test_cluster() -> str | None:
    """Return the Cassandra that tests may use (STORE_TEST_DATABASE), or None: then they run on SQLite alone."""
    return os.environ.get("STORE_TEST_DATABASE") or None


test_cluster.__test__ = False  # type: ignore[attr-defined]  # a helper, not a test case


@contextlib.asynccontextmanager
async def fresh_keyspace(service: str, schema: Traversable) -> AsyncIterator[Cassandra]:
    """Give an empty, migrated keyspace of the test cluster; it is dropped afterwards.

    Making one takes about a second: share it within a module and call `empty` between tests.
    """
    url = f"{test_cluster()}&prefix=t{uuid.uuid4().hex[:12]}_"
    settings = StoreSettings(database=url, environment="embedded", database_timeout_s=10.0)
    keyspace = open_keyspace(
        service, schema, settings=settings, secrets=Secrets(settings), metrics=Metrics(service)
    )
    await keyspace.open()
    try:
        # What it waits for is in the log, which a test that fails here shows.
        yield await keyspace.until_usable(_KEYSPACE_WITHIN_S)
    finally:
        if keyspace.usable:
            await keyspace.run("DROP KEYSPACE {keyspace}")
        await keyspace.close()


async def empty(keyspace: Cassandra) -> None:
    """Delete every row of a test's keyspace."""
    names = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?"
    tables = [name for (name,) in await keyspace.all("tables.list", names, (keyspace.keyspace,))]
    await asyncio.gather(
        *(keyspace.run(f"TRUNCATE {name}") for name in tables if not name.startswith("schema_"))
    )
