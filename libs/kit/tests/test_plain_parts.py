import asyncio
import stat
import uuid
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from store_kit.clock import SystemClock, rfc3339
from store_kit.http.cursors import Cursors
from store_kit.http.pages import page_link
from store_kit.http.responses import PERSONAL, JsonResponse, etag_of, not_modified
from store_kit.ids import derived_id, new_id
from store_kit.money import format_minor
from store_kit.problems import (
    FieldError,
    InvalidCursor,
    NotFound,
    TooManyRequests,
    problem_responses,
)
from store_kit.secrets import MissingSecret, Secrets, UnusableSecret
from store_kit.settings import ServiceUrlWithoutPort, StoreSettings

from tests.support.clock import ManualClock


def request(headers: Mapping[str, str] | None = None, query: str = "") -> Request:
    raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/x",
        "headers": raw,
        "query_string": query.encode(),
    }
    return Request(scope | {"server": ("shop", 80), "scheme": "http"})


def test_ids_sort_by_time() -> None:
    """New ids are UUIDv7: later ones sort behind earlier ones."""
    ids = [new_id() for _ in range(100)]
    assert ids == sorted(ids)
    assert uuid.UUID(ids[0]).version == 7


def test_derived_id_depends_on_its_input_only() -> None:
    """The same name gives the same id, another one another."""
    assert derived_id("order", "u|k") == derived_id("order", "u|k")
    assert derived_id("order", "u|k") == str(uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_URL, "order"), "u|k"))
    assert derived_id("order", "u|k") != derived_id("order", "u|l") != derived_id("other", "u|l")


def test_times_on_the_wire() -> None:
    """A time leaves as RFC 3339 in UTC with milliseconds."""
    assert rfc3339(1_700_000_000_007) == "2023-11-14T22:13:20.007Z"
    assert SystemClock().now_ms() > 1_700_000_000_000


@pytest.mark.anyio
async def test_manual_clock_wakes_sleepers_in_time() -> None:
    """A sleeper wakes when the test has advanced the clock far enough, not before."""
    clock = ManualClock()
    task = asyncio.create_task(clock.sleep(5))
    await asyncio.sleep(0)
    clock.advance(4.9)
    await asyncio.sleep(0)
    assert not task.done()
    clock.advance(0.1)
    await task


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (1234, "GBP", "12.34 GBP"),
        (5, "GBP", "0.05 GBP"),
        (-105, "EUR", "-1.05 EUR"),
        (7, "JPY", "7 JPY"),
        (1, "KWD", "0.001 KWD"),
    ],
)
def test_money_for_people(minor: int, currency: str, text: str) -> None:
    """Minor units become the currency's own decimals."""
    assert format_minor(minor, currency) == text


positions = st.lists(st.one_of(st.text(max_size=40), st.integers(-(2**53), 2**53), st.none()), max_size=4)


@given(positions)
def test_cursor_comes_back(position: list[str | int | None]) -> None:
    """What a cursor holds is what it gives back, for its own query."""
    cursors = Cursors("key")
    assert cursors.decode("q", cursors.encode("q", position)) == position


@given(positions, st.data())
def test_altered_cursor_is_refused(position: list[str | int | None], data: st.DataObject) -> None:
    """No character of a cursor can be changed."""
    cursor = Cursors("key").encode("q", position)
    at = data.draw(st.integers(0, len(cursor) - 2))  # the last character may carry unused bits
    other = data.draw(
        st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_ é\0=")
    )
    changed = cursor[:at] + other + cursor[at + 1 :]
    if changed != cursor:
        with pytest.raises(InvalidCursor):
            Cursors("key").decode("q", changed)


def test_cursor_of_another_query_is_refused() -> None:
    """A cursor works for the query that made it, under the key that signed it."""
    cursor = Cursors("key").encode("name", ["a"])
    for cursors, query in ((Cursors("key"), "price"), (Cursors("other"), "name")):
        with pytest.raises(InvalidCursor):
            cursors.decode(query, cursor)
    for garbage in ("", "é", "!", "A" * 5000):
        with pytest.raises(InvalidCursor):
            Cursors("key").decode("name", garbage)


def test_page_link_keeps_the_query() -> None:
    """The next page's link has the same filters and the new cursor."""
    link = page_link(request(query="limit=5&cursor=old&search=a+b"), "new")
    assert link == {"Link": '</api/x?limit=5&search=a+b&cursor=new>; rel="next"'}
    assert page_link(request(), None) == {}


def test_conditional_requests() -> None:
    """If-None-Match saves the body."""
    tag = etag_of(7)
    unchanged = not_modified(request({"if-none-match": 'W/"7"'}), tag, PERSONAL)
    assert unchanged is not None
    assert unchanged.headers["Cache-Control"] == "private, no-cache"
    assert not_modified(request({"if-none-match": '"6"'}), tag, PERSONAL) is None
    assert not_modified(request(), tag, PERSONAL) is None


def test_problem_document() -> None:
    """A problem says what is wrong, where it is explained, and how to find it in the logs."""
    problem = NotFound("no order 7", errors=[FieldError("path.id", "unknown")], hint="look elsewhere")
    assert problem.document("t") == {
        "type": "/docs/problems/#not-found",
        "title": "There is no such thing here",
        "status": 404,
        "detail": "no order 7",
        "trace_id": "t",
        "errors": [{"field": "path.id", "message": "unknown"}],
        "hint": "look elsewhere",
    }
    assert TooManyRequests("slow down", retry_after_s=7).headers == {"Retry-After": "7"}
    assert set(problem_responses(NotFound, InvalidCursor)) == {404, 400}


def test_json_response_takes_bytes_as_they_are() -> None:
    """Ready bytes are not encoded again."""
    assert JsonResponse(b'{"a":1}').body == JsonResponse({"a": 1}).body == b'{"a":1}'


def settings(tmp_path: Path, environment: str = "embedded") -> StoreSettings:
    return StoreSettings.model_validate({"data_dir": tmp_path, "environment": environment})


def test_embedded_shop_makes_its_secrets_once(tmp_path: Path) -> None:
    """A secret is made private and stays the same."""
    made = Secrets(settings(tmp_path)).text("cursor_key")
    file = tmp_path / "secrets" / "cursor_key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert Secrets(settings(tmp_path)).text("cursor_key") == made
    key = Secrets(settings(tmp_path)).pem("signing_key")
    assert key.startswith(b"-----BEGIN PRIVATE KEY-----")
    assert Secrets(settings(tmp_path)).pem("signing_key").strip() == key.strip()


def test_a_secret_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A file that is no text, and a folder in its place, are refused by the secret's name."""
    (tmp_path / "secrets" / "refresh_key").mkdir(parents=True)
    (tmp_path / "secrets" / "cursor_key").write_bytes(b"\xff\xfe")
    for name in ("refresh_key", "cursor_key"):
        with pytest.raises(UnusableSecret, match=f"'{name}'"):
            Secrets(settings(tmp_path)).text(name)


@pytest.mark.parametrize("environment", ["embedded", "production"])
@pytest.mark.parametrize("content", ["", "\n", " \t\r\n", "k", "k" * 31])
def test_a_secret_that_is_empty_or_short_is_refused(content: str, environment: str, tmp_path: Path) -> None:
    """A key is at least as long as the hash it is used with; an empty file is not taken for a missing one."""
    (tmp_path / "secrets").mkdir()
    for name in ("refresh_key", "signing_key", "signing_key_previous"):
        (tmp_path / "secrets" / name).write_bytes(content.encode())
    found = Secrets(settings(tmp_path, environment))
    with pytest.raises(UnusableSecret, match="'refresh_key'"):
        found.text("refresh_key")
    if not content.strip():
        with pytest.raises(UnusableSecret, match=r"'signing_key'.* is empty"):
            found.pem("signing_key")
        with pytest.raises(UnusableSecret, match="is empty"):
            found.optional("signing_key_previous")
    assert (tmp_path / "secrets" / "refresh_key").read_bytes() == content.encode()


def test_production_names_the_secret_it_misses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside the demo a missing secret is a refusal that says which one; a variable is enough."""
    production = Secrets(settings(tmp_path, "production"))
    with pytest.raises(MissingSecret, match=r"'cursor_key' is missing\. Set STORE_CURSOR_KEY or write"):
        production.text("cursor_key")
    with pytest.raises(MissingSecret, match="signing_key"):
        production.pem("signing_key")
    monkeypatch.setenv("STORE_CURSOR_KEY", "from the environment, and long enough")
    assert production.text("cursor_key") == "from the environment, and long enough"
    monkeypatch.setenv("STORE_CURSOR_KEY", "from the environment")
    with pytest.raises(UnusableSecret, match="it has 20 bytes, at least 32 are needed"):
        production.text("cursor_key")
    assert not (tmp_path / "secrets").exists()


def test_service_listens_on_the_port_of_its_url(tmp_path: Path) -> None:
    """The port of a service is that of its own URL."""
    assert settings(tmp_path).port_of("cart") == 8001
    nameless = StoreSettings.model_validate({"cart_url": "http://cart"})
    with pytest.raises(ServiceUrlWithoutPort, match="STORE_CART_URL"):
        nameless.port_of("cart")


@pytest.mark.parametrize(
    "origin", ["*", "null", "shop.example", "https://shop.example/", "https://Shop.example", ""]
)
def test_what_is_no_origin_is_refused(origin: str) -> None:
    """An origin is what a browser says: scheme, host and port, in lower case."""
    assert StoreSettings(cors_origins=("https://shop.example:8443",)).cors_origins
    with pytest.raises(ValueError, match="is no origin"):
        StoreSettings(cors_origins=(origin,))
