"""Odd text in every field: accepted and returned in its one spelling, or refused; never an error of ours."""

import io
import itertools
from ipaddress import ip_network

import pytest
from store_kit.texts import one_line

from services.user.tests.conftest import Configure
from services.user.tests.serving import PASSWORD, Shop

pytestmark = pytest.mark.anyio
NAUGHTY = [
    "",
    " ",
    "\x00",
    "a\x00b",
    "\ud800",
    "a\udfffb",
    "\u202etest",
    "\ufeff",
    "ﷺ" * 30,
    "👩‍👩‍👧‍👦",
    "Ω≈ç√∫˜µ≤≥÷",
    "田中さん",
    "' OR 1=1 --",
    "'; DROP TABLE accounts; --",
    "<script>alert(1)</script>",
    "../../../etc/passwd",
    "${jndi:ldap://x}",
    "{{7*7}}",
    "%s%n%x",
    "\r\nSet-Cookie: a=b",
    "1e309",
    "NaN",
    "true",
    "null",
    "-1",
    "x" * 10_000,
    "a\u0300" * 50,
]


@pytest.fixture
def fields() -> list[tuple[str, str, dict[str, object], str]]:
    """Method, path, a fair body, and the field to spoil."""
    register: dict[str, object] = {"email": "ann@example.com", "password": PASSWORD, "name": "Ann"}
    password: dict[str, object] = {
        "current_password": PASSWORD,
        "new_password": PASSWORD,
        "refresh_token": "x",
    }
    news: dict[str, object] = {"id": "n", "user_id": "u", "order_id": "o", "status": "X", "at_ms": 1}
    return [
        *(("POST", "/api/users", register, name) for name in register),
        *(("PUT", "/api/users/me/password", password, name) for name in password),
        ("PATCH", "/api/users/me", {"name": "Ann"}, "name"),
        ("POST", "/api/auth/logout", {"refresh_token": "x"}, "refresh_token"),
        *(("POST", "/internal/notifications", news, name) for name in news),
    ]


async def test_no_text_breaks_a_body(
    shop: Shop, fields: list[tuple[str, str, dict[str, object], str]]
) -> None:
    """Every text field with every naughty string: below 500, and 422 when it is refused as input."""
    user, machine = await shop.customer(), shop.machine()
    for (method, path, fair, name), text in itertools.product(fields, NAUGHTY):
        body: object = fair | {name: text}
        if path.startswith("/internal"):
            body = {"notifications": [body]}
        token = machine if path.startswith("/internal") else user
        answer = await shop.call(method, path, token, json=body, headers={"If-Match": "*"})
        # 401: some make a new password, which ends the token.
        assert answer.status in {200, 201, 204, 401, 403, 409, 422, 429}, (path, name, text)


async def test_no_text_breaks_a_form_a_query_or_a_header(shop: Shop) -> None:
    """Token forms, cursors, limits, ids and tokens as text of any kind."""
    admin = await shop.admin()
    for text in NAUGHTY:
        sendable = text.encode(errors="surrogatepass").decode(errors="replace")
        for form in (
            {"username": sendable, "password": "x"},
            {"username": "x", "password": sendable},
            {"refresh_token": sendable},
            {"client_id": sendable, "client_secret": sendable},
            {"grant_type": sendable},
        ):
            assert (await shop.token(**form)).status in {400, 401, 413}, (form, text)
        for query in ("cursor", "limit"):
            answer = await shop.call("GET", "/api/admin/users", admin, params={query: sendable})
            assert answer.status in {200, 400, 422}, (query, text)
        header = sendable.encode("ascii", "ignore").decode().replace("\r\n", "").replace("\x00", "")
        for name in ("Authorization", "If-None-Match", "Store-Timeout-Ms", "traceparent"):
            answer = await shop.call("GET", "/api/users/me", headers={name: header})
            assert answer.status in {401, 400, 431}, (name, text)


async def test_a_name_comes_back_in_its_one_spelling(shop: Shop) -> None:
    """What is accepted is stored and shown letter by letter, as `store_kit.texts` keeps it."""
    token = await shop.customer()
    for text in NAUGHTY:
        answer = await shop.call(
            "PATCH", "/api/users/me", token, json={"name": text}, headers={"If-Match": "*"}
        )
        if answer.status == 200:
            assert (await shop.call("GET", "/api/users/me", token)).body["name"] == one_line(text, 100)


async def test_two_mebibytes_are_too_much(shop: Shop) -> None:
    """413, for bodies and forms."""
    for path, kind in (
        ("/api/users", "application/json"),
        ("/api/auth/token", "application/x-www-form-urlencoded"),
    ):
        body = io.BytesIO(b"x" * (2 << 20))
        answer = await shop.call("POST", path, data=body, headers={"Content-Type": kind})
        assert (answer.status, answer.slug) == (413, "payload-too-large")


async def test_configured_limits_are_read_from_the_environment(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Benches and fuzzers raise the throttles by variables; a limit that makes no sense is refused."""
    monkeypatch.setenv("STORE_USER_LOGIN_LIMIT_ACCOUNT", "100000/second")
    monkeypatch.setenv("STORE_USER_TRUSTED_PROXIES", '["10.0.0.0/8"]')
    settings = configure()
    assert settings.user_login_limit_account == "100000/second"
    assert settings.user_trusted_proxies == (ip_network("10.0.0.0/8"),)
    with pytest.raises(ValueError, match="user_trusted_proxies"):
        configure(user_trusted_proxies=(True,))
    with pytest.raises(ValueError, match="user_register_limit_address"):
        configure(user_register_limit_address="often")
