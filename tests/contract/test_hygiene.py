"""Nobody's secrets in logs, metrics or errors, even at debug level; no ids in the labels of metrics."""

import json
import re
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families
from store_cli.up.serving import SERVICES

from tests.contract.document import FORM
from tests.contract.test_access_matrix import routes
from tests.support.people import Answer, Person, administrator
from tests.support.shop import EmbeddedShop
from tests.support.wait import until

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}|@")
LABELS: Final = {
    *("method", "handler", "status", "le", "db_system", "operation", "table", "outcome", "peer", "step"),
    *("worker", "service", "version", "kind", "reason", "implementation", "major", "minor", "patchlevel"),
    *("generation", "state", "event", "queue", "direction", "system", "lane", "listener"),
}
"""Every label there is: each has few values."""


@dataclass
class Marked:
    """Somebody whose every secret can be recognised, and every answer she got."""

    person: Person
    email: str = "zebra.quagga@marked-mail.example"
    name: str = "Zebrina Quaggason"
    password: str = "quagga-stripes-4711"
    other_password: str = "okapi-stripes-0815"
    secrets: set[str] = field(default_factory=set)
    answers: list[tuple[str, Answer]] = field(default_factory=list)

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask, and remember the answer."""
        answer = await self.person.ask(method, path, body, headers=headers, form=form)
        self.answers.append((f"{method} {path}", answer))
        return answer


@pytest.fixture(scope="module")
async def talkative(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedShop]:
    """Run a shop that logs everything it can."""
    settings = {"STORE_LOG_LEVEL": "debug", "STORE_LOG_FORMAT": "json"}
    async with EmbeddedShop(tmp_path_factory.mktemp("talkative"), settings) as running:
        yield running


@pytest.fixture(scope="module")
async def marked(talkative: EmbeddedShop, session: aiohttp.ClientSession) -> Marked:
    """Let somebody do everything a customer does, and most of what can go wrong."""
    her = Marked(Person(session, talkative.url))
    await live(her, await administrator(session, talkative.url, talkative.data_dir))
    await stumble(her)
    her.secrets |= {her.email, her.name, her.password, her.other_password}
    return her


async def live(her: Marked, admin: Person) -> None:
    """Register, sign in, shop as a guest, merge, order, cancel, change the password, refresh, sign out."""
    registration = {"email": her.email, "password": her.password, "name": her.name}
    (await her.ask("POST", "/api/users", registration)).expect(201)
    product = await admin.create_product(stock=10)
    guest = (await her.ask("POST", "/api/cart/items", {"product_id": product, "quantity": 1})).expect(200)
    form = {"grant_type": "password", "username": her.email, "password": her.password}
    tokens = (await her.ask("POST", "/api/auth/token", form=form)).expect(200)
    her.secrets |= {guest["cart_token"], tokens["access_token"], tokens["refresh_token"]}
    her.person.headers["Authorization"] = f"Bearer {tokens['access_token']}"
    (await her.ask("POST", "/api/cart/merge", {"cart_token": guest["cart_token"]})).expect(200)
    key = {"Idempotency-Key": str(uuid.uuid4())}
    order = (await her.ask("POST", "/api/orders", {}, headers=key)).expect(201)["id"]
    (await her.ask("POST", f"/api/orders/{order}/cancel")).expect(200)
    change = {"current_password": her.password, "new_password": her.other_password}
    kept = {"refresh_token": tokens["refresh_token"]}
    (await her.ask("PUT", "/api/users/me/password", change | kept)).expect(204)
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    fresh = (await her.ask("POST", "/api/auth/token", form=form)).expect(200)
    her.secrets |= {fresh["access_token"], fresh["refresh_token"]}
    her.person.headers["Authorization"] = f"Bearer {fresh['access_token']}"
    (await her.ask("POST", "/api/auth/logout", {"refresh_token": fresh["refresh_token"]})).expect(204)
    for path in ("", "/summary", "/notifications", "/sessions", "/export"):
        (await her.ask("GET", f"/api/users/me{path}")).expect(200)
    (await her.ask("GET", "/api/orders")).expect(200)


async def stumble(her: Marked) -> None:
    """Make the mistakes that tempt a program to show what it was given."""
    token = her.person.headers["Authorization"].removeprefix("Bearer ")
    taken = {"email": her.email, "password": her.password, "name": her.name}
    (await her.ask("POST", "/api/users", taken)).expect(409)
    bodies: list[object] = [
        {**taken, "email": her.email + " " + her.password},
        {**taken, "password": her.password * 20},
        {**taken, "name": her.name * 20},
        {**taken, "name": her.name + "\x00"},
        {**taken, "password": [her.password]},
        {**taken, "email": {"email": her.email}},
        [her.email, her.password],
        f"{her.email}:{her.password}",
        json.dumps(taken)[:-1].encode(),
        f'{{"password": "{her.password}" "name"}}'.encode(),
    ]
    for body in bodies:
        assert (await her.ask("POST", "/api/users", body)).status in (400, 422)
    for password in (her.password, her.password + " wrong", "x" + her.password):
        form = {"grant_type": "password", "username": her.email, "password": password}
        (await her.ask("POST", "/api/auth/token", form=form)).expect(400)
    for form in (
        {"grant_type": "password", "username": her.email, "password": her.password * 20},
        {"grant_type": her.password, "username": her.email},
        {"grant_type": "password", "username": her.email, "password": her.password, "nick": her.name},
        {"refresh_token": token * 9},
    ):
        assert (await her.ask("POST", "/api/auth/token", form=form)).status in (400, 401, 422)
    odd = {"Content-Type": FORM}
    assert (await her.ask("POST", "/api/users", json.dumps(taken).encode(), headers=odd)).status == 415
    for header in (
        f"Bearer {token}x",
        f"Token {token}",
        token,
        f"Basic {her.password}",
        f"Bearer {her.email}",
    ):
        (await her.ask("GET", "/api/users/me", headers={"Authorization": header})).expect(401)
    for body in ({"cart_token": token}, {"cart_token": her.password}):
        assert (await her.ask("POST", "/api/cart/merge", body)).status in (400, 422)
    wrong = {"current_password": her.password, "new_password": her.other_password * 20}
    assert (await her.ask("PUT", "/api/users/me/password", wrong)).status == 422
    wrong = {"current_password": her.password + "!", "new_password": her.other_password}
    assert 400 <= (await her.ask("PUT", "/api/users/me/password", wrong)).status < 500
    for cursor in (token, her.email):
        assert (await her.ask("GET", f"/api/orders?cursor={cursor}")).status in (400, 422)


def hidden_in(text: str, her: Marked) -> list[str]:
    """Return which of her secrets stand in a text, however they are written."""
    plain = text.encode().decode("unicode_escape", errors="replace") if "\\u" in text else text
    return [secret for secret in her.secrets if secret in text or secret in plain]


async def test_logs_know_nobody(marked: Marked, talkative: EmbeddedShop) -> None:
    """At debug level there is a line for each request, and none has an e-mail, a name, a password or a token."""
    said = talkative.process.output()
    assert said.count("request.served") >= len(marked.answers)
    assert hidden_in(said, marked) == []
    assert "authorization" not in said.lower()


async def test_errors_do_not_repeat_what_they_were_given(marked: Marked) -> None:
    """No error shows a password, a token, an e-mail or a name, whichever field it came in."""
    errors = [(what, answer) for what, answer in marked.answers if answer.status >= 400]
    assert len(errors) > 25
    for what, answer in errors:
        assert hidden_in(answer.body.decode(), marked) == [], f"{what}: {answer}"


async def test_nothing_secret_is_kept_in_the_clear(marked: Marked, talkative: EmbeddedShop) -> None:
    """No file of the data folder has a password or a token in it; the e-mail and the name are data."""
    data = {"zebra.quagga@marked-mail.example", marked.name}
    for file in files_in(talkative.data_dir):
        content = file.read_bytes()
        for secret in marked.secrets - data:
            assert secret.encode() not in content, f"{file.name} has {secret[:12]}"


def files_in(folder: Path) -> list[Path]:
    """Return every file below a folder."""
    return [file for file in folder.rglob("*") if file.is_file()]


async def test_metrics_know_nobody(marked: Marked, talkative: EmbeddedShop, tmp_path: Path) -> None:
    """Labels are known names with few values: no ids, no e-mails, no paths but the templates of routes."""
    templates = {route.partition(" ")[2] for _, route in routes(tmp_path)} | {"none"}
    her = marked.person
    for path in ("/api/orders/nothing", f"/api/{uuid.uuid4()}", f"/api/products/{uuid.uuid4()}"):
        await her.ask("GET", path)
    for name in SERVICES:
        text = await metrics_of(talkative, name, her.session)
        assert hidden_in(text, marked) == []
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                assert set(sample.labels) <= LABELS, f"{name}: {sample}"
                assert not ID.search(" ".join(sample.labels.values())), f"{name}: {sample}"
                assert sample.labels.get("handler", "none") in templates, f"{name}: {sample}"


async def metrics_of(shop: EmbeddedShop, name: str, session: aiohttp.ClientSession) -> str:
    """Return what Prometheus would read of a service."""
    async with session.get(f"{shop.service_url(name)}/metrics") as answer:
        assert answer.status == 200
        return await answer.text()


async def test_strangers_do_not_make_series(talkative: EmbeddedShop, session: aiohttp.ClientSession) -> None:
    """However many paths and methods strangers invent, the number of series stays as it is."""
    stranger = Person(session, talkative.url)

    async def series() -> int:
        # Those of requests of people: a worker's first turn, which makes series of its own, may fall into this test.
        shown = [await metrics_of(talkative, name, session) for name in SERVICES]
        lines = [line for text in shown for line in text.splitlines() if line.startswith("http_")]
        return sum('handler="/internal/' not in line for line in lines)

    async def knock() -> None:
        for prefix in ("/api/products/", "/api/cart/", "/api/orders/", "/api/users/"):
            await stranger.ask("GET", f"{prefix}{uuid.uuid4()}/{uuid.uuid4()}")
            await stranger.ask(f"X{uuid.uuid4().hex[:6].upper()}", f"{prefix}{uuid.uuid4()}")

    await knock()
    before = await series()
    assert before > 50
    for _ in range(20):
        await knock()

    async def settled() -> bool:
        return await series() <= before + 10

    await until(settled, "strangers have made no series", within_s=5)
