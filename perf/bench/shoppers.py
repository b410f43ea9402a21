"""Who asks a shop under measurement: an administrator who fills it, shoppers with carts, and what came of it."""

import asyncio
import json
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from store_cli.seed.products import products

from perf.bench.load import Address, Connection, Result, connect, request_bytes

PRODUCTS: Final = 20_000
BATCH: Final = 1000
SEARCHABLE_WITHIN_S: Final = 600.0
ADMINISTRATOR_WITHIN_S: Final = 120.0
CHANCE: Final = random.Random(20_000)  # noqa: S311 - which product is asked for, no secret
UNLIMITED: Final = {
    f"STORE_USER_{name}": "1000000/second"
    for name in ("LOGIN_LIMIT_ACCOUNT", "LOGIN_SLOW_ACCOUNT", "LOGIN_LIMIT_ADDRESS", "REGISTER_LIMIT_ADDRESS")
}


@dataclass(frozen=True, slots=True)
class Aim:
    """What a value is to reach: one limit, or one and a better one."""

    limits: Sequence[float]
    at_most: bool

    def missed(self, value: float) -> list[float]:
        """Return the limits that a value does not keep; what is not a number keeps none."""
        return [limit for limit in self.limits if not (value <= limit if self.at_most else value >= limit)]

    def told(self, value: float) -> str:
        """Return the limits, and which of them a value does not keep."""
        wanted = f"{'<=' if self.at_most else '>='} {_listed_limits(self.limits)}"
        missed = self.missed(value)
        return f"{wanted}: NOT REACHED {_listed_limits(missed)}" if missed else wanted


def at_least(*limits: float) -> Aim:
    """Return the aim of something that is better when it is more."""
    return Aim(limits, at_most=False)


def at_most(*limits: float) -> Aim:
    """Return the aim of something that is better when it is less."""
    return Aim(limits, at_most=True)


def _listed_limits(limits: Sequence[float]) -> str:
    return ", ".join(f"{limit:g}" for limit in limits)


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value next to its aim, which may be in words."""

    name: str
    value: float
    unit: str
    wanted: Aim | str
    note: str = ""


class Shop:
    """A shop under measurement and who asks it."""

    def __init__(self, port: Address, admin_token: str) -> None:
        self.port = port
        self.admin = admin_token
        self.ids: list[str] = []
        self.items: list[dict[str, Any]] = []


async def ask(port: Address, request: bytes, *, tries: int = 1) -> Any:
    """Send one request on a fresh connection and return the decoded answer, which must be a success.

    Args:
        port: where the shop is.
        request: what to send; with several `tries` it must be safe to repeat.
        tries: how often to send it as long as the answer is 503: a database that has just started leaves some open.
    """
    connection = await connect(port)
    try:
        status, body = await connection.ask(request)
    finally:
        connection.close()
    if status == HTTPStatus.SERVICE_UNAVAILABLE and tries > 1:
        return await ask(port, request, tries=tries - 1)
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        raise RuntimeError(f"{request[:60]!r} was answered with {status}: {body[:300]!r}")
    return json.loads(body)


@dataclass(frozen=True, slots=True)
class Account:
    """A person who can sign in."""

    email: str
    password: str

    def sign_in_request(self) -> bytes:
        """Return what asks for tokens."""
        form = f"username={quote(self.email)}&password={quote(self.password)}".encode()
        head = f"POST /api/auth/token HTTP/1.1\r\nHost: shop\r\nContent-Length: {len(form)}\r\n"
        return f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\n".encode() + form

    async def sign_in(self, port: Address) -> str:
        """Return an access token."""
        return str((await ask(port, self.sign_in_request()))["access_token"])


async def fill(shop: Shop, count: int = PRODUCTS) -> list[Figure]:
    """Create products in batches; time until all are acknowledged and until the last can be found."""
    made = [
        {
            "sku": p.sku,
            "name": p.name,
            "category": p.category,
            "price_minor": p.price_minor,
            "stock": 1_000_000,
        }
        for p in products(count)
    ]
    bodies = [json.dumps({"products": made[at : at + BATCH]}).encode() for at in range(0, count, BATCH)]
    requests = [request_bytes("POST", "/api/products/batch", body=body, token=shop.admin) for body in bodies]
    begun = time.perf_counter()
    answers = await asyncio.gather(*(ask(shop.port, request, tries=10) for request in requests))
    acknowledged = time.perf_counter() - begun
    shop.ids = [result["id"] for answer in answers for result in answer["items"]]
    facets = request_bytes("GET", "/api/products?limit=1&facets=true")
    async with asyncio.timeout(SEARCHABLE_WITHIN_S):
        while await _listed(shop.port, facets) < count:
            await asyncio.sleep(0.01)
    searchable = time.perf_counter() - begun
    return [
        Figure(f"{count:,} products acknowledged".replace(",", " "), acknowledged, "s", ""),
        Figure(f"{count:,} products searchable".replace(",", " "), searchable, "s", ""),
    ]


async def _listed(port: Address, request: bytes) -> int:
    facets = (await ask(port, request))["facets"]
    return sum(entry["count"] for entry in facets["categories"])


def detail_requests(shop: Shop) -> list[bytes]:
    """Return reads of products drawn uniformly."""
    return [request_bytes("GET", f"/api/products/{id_}") for id_ in CHANCE.choices(shop.ids, k=PRODUCTS)]


async def register(port: Address) -> Account:
    """Make an account; its password is of no list of common ones."""
    # New ones in every run: the shop may have been measured before.
    account = Account(f"bench-{uuid.uuid4().hex}@example.com", f"{CHANCE.getrandbits(64):016x}")
    body = json.dumps({"email": account.email, "password": account.password}).encode()
    await ask(port, request_bytes("POST", "/api/users", body=body))
    return account


async def new_shopper(port: Address) -> str:
    """Register a new person and return a token."""
    return await (await register(port)).sign_in(port)


async def together(
    port: Address,
    tokens: Sequence[str],
    script: Callable[[Connection, str, Result], Awaitable[None]],
    seconds: float,
) -> Result:
    """Let every shopper repeat a script for a while."""
    result = Result()
    clients = [await connect(port) for _ in tokens]
    begun = time.perf_counter()

    async def shopper(client: Connection, token: str) -> None:
        while time.perf_counter() < begun + seconds:
            await script(client, token, result)

    await asyncio.gather(*map(shopper, clients, tokens))
    result.seconds = time.perf_counter() - begun
    for client in clients:
        client.close()
    return result


async def administrator(port: Address, data: Path) -> str:
    """Return a token of the demo's administrator, once there is one.

    Raises:
        TimeoutError: there was none in time.
    """
    path = data / "secrets" / "demo_admin.json"
    async with asyncio.timeout(ADMINISTRATOR_WITHIN_S):
        while True:
            try:
                known = json.loads(path.read_text())
                token = await Account(known["email"], known["password"]).sign_in(port)
                # The account is there a moment before its role is.
                await ask(port, request_bytes("GET", "/api/admin/users?limit=1", token=token))
                return token  # noqa: TRY300 - it is one step with the two above
            except (FileNotFoundError, RuntimeError):
                await asyncio.sleep(0.05)


def show(figures: Sequence[Figure]) -> None:
    """Print a table of what was measured."""
    for figure in figures:
        wanted = figure.wanted.told(figure.value) if isinstance(figure.wanted, Aim) else figure.wanted
        print(f"{figure.name:<58} {figure.value:>9.3f} {figure.unit:<3} {wanted}")
        if figure.note:
            print(f"    {figure.note}")
