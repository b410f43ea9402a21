"""What shops are asked when they are compared: one turn of a load gives one value for each of its metrics."""

import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, Protocol
from urllib.parse import quote

from store_cli.seed.products import SeedProduct, products

from perf.bench.holds import holds
from perf.bench.lives import CLIENT, Lives, lives
from perf.bench.load import Address, Connection, Result, hammer, request_bytes, timed
from perf.bench.shoppers import Account, Figure, Shop, administrator, ask, fill, register, together
from perf.bench.shops import Running
from perf.bench.verdicts import Metric

CONNECTIONS: Final = 16
CUSTOMERS: Final = 64
WARM_UP_LINES: Final = 3
_DRAWN: Final = 500
TOKEN_LASTS_S: Final = 300.0
"""Half of what an access token may live at most."""


@dataclass(slots=True)
class Stand:
    """A shop that runs, filled, and its customers."""

    run: Running
    shop: Shop
    made: Sequence[SeedProduct]
    customers: Sequence[Account]
    filling: Sequence[Figure]
    """How long it took to fill."""
    _tokens: Sequence[str] = field(default=())
    _signed_in: float = 0.0

    @classmethod
    async def built(cls, run: Running, count: int) -> "Stand":
        """Fill a shop with so many products and let its customers register."""
        shop = Shop(run.port, await administrator(run.port, run.data))
        filling = await fill(shop, count)
        customers = [await register(run.port) for _ in range(CUSTOMERS)]
        return cls(run, shop, list(products(count)), customers, filling)

    async def tokens(self, count: int) -> Sequence[str]:
        """Return tokens of the first customers that stay valid for one turn."""
        if not self._tokens or time.monotonic() - self._signed_in > TOKEN_LASTS_S:
            # One after the other: the shop refuses those who wait when many sign in at once.
            self._tokens = [await one.sign_in(self.run.port) for one in self.customers]
            self._signed_in = time.monotonic()
        return self._tokens[:count]


class Costly(Protocol):
    """A server, or several."""

    def cpu_seconds(self) -> float:
        """Return the processor time used so far."""
        ...


class Load(Protocol):
    """Something that a shop is asked for a while."""

    @property
    def name(self) -> str:
        """What is asked."""
        ...

    async def turn(self, stand: Stand, number: int) -> Mapping[Metric, float]:
        """Ask; turns of one number ask different shops for the same."""
        ...


@dataclass(frozen=True, slots=True)
class Requests:
    """Ready requests, sent one after the other over several connections."""

    name: str
    seconds: float
    drawn: Callable[[Stand, random.Random], list[bytes]]

    async def turn(self, stand: Stand, number: int) -> Mapping[Metric, float]:
        """Measure rate and processor time."""
        requests = self.drawn(stand, random.Random(number))  # noqa: S311 - what is asked for, no secret
        return await asked(self.name, stand.run, stand.run.port, requests, self.seconds)


@dataclass(frozen=True, slots=True)
class Adds:
    """Every customer adds one product after the other to a cart that was empty."""

    name: str
    seconds: float

    async def turn(self, stand: Stand, number: int) -> Mapping[Metric, float]:
        """Measure rate and processor time."""
        chance = random.Random(number)  # noqa: S311 - which product is added, no secret
        tokens = await stand.tokens(CUSTOMERS)
        for token in tokens:
            empty = request_bytes("PUT", "/api/cart/items", body=b'{"items":[]}', token=token)
            await ask(stand.run.port, empty)

        async def add(connection: Connection, token: str, result: Result) -> None:
            line = json.dumps({"product_id": chance.choice(stand.shop.ids), "quantity": 1}).encode()
            request = request_bytes("POST", "/api/cart/items", body=line, token=token)
            await timed(connection, request, result)

        before = stand.run.cpu_seconds()
        result = await together(stand.run.port, tokens, add, self.seconds)
        return _costs(self.name, result, stand.run, before)


@dataclass(frozen=True, slots=True)
class WholeLives:
    """Orders of so many lines that live their whole lives, placed by so many buyers."""

    lines: int
    buyers: int
    warm_up_s: float
    seconds: float

    @property
    def name(self) -> str:
        """What is bought, and how many buy."""
        return f"lives of {_many(self.lines, 'line')}, {_many(self.buyers, 'buyer')}"

    async def turn(self, stand: Stand, number: int) -> Mapping[Metric, float]:
        """Measure rates, latencies, the longest pause, and what an order costs."""
        return self.figures(await self.lived(stand, number))

    async def lived(self, stand: Stand, number: int) -> Lives:
        """Let the buyers buy."""
        return await lives(
            stand.run,
            await stand.tokens(self.buyers),
            stand.shop.ids,
            lines=self.lines,
            warm_up_s=self.warm_up_s,
            seconds=self.seconds,
            seed=number,
        )

    def figures(self, came: Lives) -> Mapping[Metric, float]:
        """Return what came of it as metrics.

        Raises:
            RuntimeError: nothing did.
        """
        ours = [who for who in came.cpu_s if who != CLIENT]
        values = {
            **placing(came),
            "delivered/s": came.counted.delivered / self.seconds,
            "last delivered after s": came.behind_s,
            "longest pause ms": came.pause_s * 1000,
            "CPU ms each": sum(came.cpu_ms(who) for who in ours),
            **{f"CPU ms each, {who}": came.cpu_ms(who) for who in came.cpu_s},
            "statements each": came.counted.statements / came.orders.count,
        }
        if came.complaints:
            values["compare-and-sets each"] = came.counted.conditional / came.orders.count
            values |= came.complaints
        return {
            Metric(f"{self.name}: {what}", higher_is_better=what.endswith("/s")): value
            for what, value in values.items()
        }


@dataclass(frozen=True, slots=True)
class Holds:
    """One product that everybody wants."""

    name: str
    seconds: float

    async def turn(self, stand: Stand, number: int) -> Mapping[Metric, float]:  # noqa: ARG002 - always the same
        """Measure how many units are held."""
        token, hot = await stand.run.hold_token(), stand.shop.ids[:1]
        before = stand.run.cpu_seconds()
        result = await holds([stand.run.services["catalog"]], token, lambda: hot, self.seconds)
        used = stand.run.cpu_seconds() - before
        held = result.count - result.statuses[HTTPStatus.SERVICE_UNAVAILABLE]
        if not held:
            raise RuntimeError(f"{self.name}: nothing was held in {self.seconds:g} s")
        return {
            Metric(f"{self.name}: held/s", higher_is_better=True): held / result.seconds,
            Metric(f"{self.name}: CPU us each"): used / held * 1e6,
            Metric(f"{self.name}: p99 ms"): result.percentile_ms(0.99),
        }


async def warm_up(stands: Sequence[Stand], seconds: float) -> None:
    """Let a JVM that the stands share compile what orders ask of it, for so long in all."""
    if seconds:
        load = WholeLives(WARM_UP_LINES, CUSTOMERS, 0.0, seconds / len(stands))
        for stand in stands:
            await load.lived(stand, 0)


def all_loads(*, seconds: float, warm_up_s: float, buyers: Sequence[int], lines: Sequence[int]) -> list[Load]:
    """Return every load; orders are placed for so many seconds a turn, anything else is asked for a tenth of it.

    Orders of more than the fewest lines are placed by the most buyers alone.
    """
    short = seconds / 10
    rush = max(buyers)
    kinds = [(min(lines), count) for count in buyers] + [(many, rush) for many in sorted(lines)[1:]]
    return [
        Requests("product detail", short, details),
        Requests("list of 20", short, lists),
        Requests("search", short, searches),
        Adds("add to cart", short),
        Requests("sign in", short, sign_ins),
        *(WholeLives(many, count, warm_up_s, seconds) for many, count in kinds),
        # At the end: what is held runs out a minute later, which is work, too.
        Holds("holds of one product", short),
    ]


def placing(came: Lives) -> Mapping[str, float]:
    """Return what buyers notice.

    Raises:
        RuntimeError: they placed nothing.
    """
    orders = came.placed
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}
    waits = {f"{name} ms": orders.percentile_ms(share) for name, share in shares.items()}
    return {"placed/s": orders.per_second, **waits, "told to try again": came.tried_again}


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count > 1)}"


async def asked(
    name: str, server: Costly, port: Address, requests: Sequence[bytes], seconds: float
) -> Mapping[Metric, float]:
    """Send requests round and round; return rate and processor time."""
    before = server.cpu_seconds()
    result = await hammer(port, requests, connections=CONNECTIONS, seconds=seconds)
    return _costs(name, result, server, before)


def _costs(name: str, result: Result, server: Costly, before: float) -> Mapping[Metric, float]:
    used = server.cpu_seconds() - before
    if not set(result.statuses) <= {200, 201}:
        raise RuntimeError(f"{name}: answered with {dict(result.statuses)}")
    return {
        Metric(f"{name}: requests/s", higher_is_better=True): result.per_second,
        Metric(f"{name}: CPU us each"): used / result.count * 1e6,
    }


def details(stand: Stand, chance: random.Random) -> list[bytes]:
    """Return reads of products drawn uniformly."""
    ids = chance.choices(stand.shop.ids, k=10 * _DRAWN)
    return [request_bytes("GET", f"/api/products/{id_}") for id_ in ids]


def lists(stand: Stand, chance: random.Random) -> list[bytes]:
    """Return lists that begin at products drawn uniformly."""
    paths = [path for product in chance.choices(stand.made, k=_DRAWN) for path in _list_paths(product)]
    chance.shuffle(paths)
    return [request_bytes("GET", path) for path in paths]


def searches(stand: Stand, chance: random.Random) -> list[bytes]:
    """Return searches for the beginning of a word, and for two words."""
    names = [product.name.split() for product in chance.choices(stand.made, k=_DRAWN)]
    texts = [text for words in names for text in (chance.choice(words)[:4], " ".join(words[:2]))]
    return [request_bytes("GET", f"/api/products?limit=20&search={quote(text)}") for text in texts]


def sign_ins(stand: Stand, chance: random.Random) -> list[bytes]:
    """Return a sign-in of each customer."""
    return [one.sign_in_request() for one in chance.sample(stand.customers, len(stand.customers))]


def _list_paths(product: SeedProduct) -> list[str]:
    """Return lists of 20 that begin at a product, in every order that has a start without a cursor."""
    category, price = quote(product.category), product.price_minor
    return [
        f"/api/products?limit=20&sort=price&min_price={price}",
        f"/api/products?limit=20&sort=-price&max_price={price}",
        f"/api/products?limit=20&category={category}&sort=price&min_price={price}",
        f"/api/products?limit=20&category={category}&sort=newest",
        f"/api/products?limit=20&category={category}&sort=name",
    ]
