"""What the security log tells: each event with the ids of who did it and to whom, and nothing personal."""

import re
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from services.user.tests.serving import PASSWORD, Shop
from tests.support.clock import ManualClock

pytestmark = pytest.mark.anyio
NEW = "four red kettles"
ANN, ROOT = "ann@example.com", "root@example.com"
REPOSITORY = Path(__file__).parents[3]


class Heard:
    """The events of a shop, with the lines that told them."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self.lines: list[str] = []

    async def of(self, method: str, path: str, token: str = "", **request: object) -> list[dict[str, object]]:
        """Return the events that a request causes, but for that of an administrator who asks."""
        with capture_logs() as lines:
            await self._shop.call(method, path, token, **request)
        found = [line for line in lines if line["component"] == "security"]
        self.lines += map(str, found)
        told = [{k: v for k, v in line.items() if k not in ("component", "log_level")} for line in found]
        return [one for one in told if one["event"] != "admin.requested"]


async def id_of(shop: Shop, token: str) -> str:
    return str((await shop.call("GET", "/api/users/me", token)).body["id"])


async def test_what_administrators_do_is_told_with_their_id(shop: Shop) -> None:
    """Roles, disabling and enabling, ending sessions, one-time tokens: who, to whom, and which roles."""
    root, heard = await shop.admin(ROOT), Heard(shop)
    admin, ann = await id_of(shop, root), await id_of(shop, await shop.customer(ANN))
    both, user = {"actor": admin, "account": ann}, f"/api/admin/users/{ann}"
    roles = {"json": {"roles": ["customer", "admin"]}}
    assert await heard.of("PUT", f"{user}/roles", root, **roles) == [
        {"event": "roles.changed", **both, "roles": "admin,customer"}
    ]
    assert await heard.of("PUT", f"{user}/roles", root, **roles) == []
    assert await heard.of("POST", f"{user}/disable", root) == [{"event": "account.disabled", **both}]
    assert await heard.of("POST", f"{user}/enable", root) == [{"event": "account.enabled", **both}]
    session = (await shop.log_in(ANN)).body["refresh_token"].partition(".")[0]
    assert await heard.of("DELETE", f"{user}/sessions/{session}", root) == [
        {"event": "sessions.ended", **both, "session": session}
    ]
    assert await heard.of("DELETE", f"{user}/sessions", root) == [{"event": "sessions.ended", **both}]
    assert await heard.of("POST", f"{user}/password-resets", root) == [
        {"event": "password.reset_issued", **both}
    ]
    assert not [line for line in heard.lines if "@" in line]


async def test_what_people_do_to_their_accounts_is_told(shop: Shop) -> None:
    """Signing in and out, refused passwords and one-time tokens, a change of password, leaving: with ids alone."""
    heard, form = Heard(shop), {"username": ANN, "password": PASSWORD}
    registered = await heard.of("POST", "/api/users", json={"email": ANN, "password": PASSWORD})
    tokens = (await shop.log_in(ANN)).body
    token, ann = tokens["access_token"], await id_of(shop, tokens["access_token"])
    assert registered == [{"event": "account.registered", "account": ann}]
    (succeeded,) = await heard.of("POST", "/api/auth/token", data=form)
    assert (succeeded["event"], succeeded["account"]) == ("login.succeeded", ann)
    wrong = {"event": "login.failed", "account": ann, "reason": "wrong-credentials"}
    assert await heard.of("POST", "/api/auth/token", data=form | {"password": "wrong"}) == [wrong]
    nobody = wrong | {"account": None}
    assert await heard.of("POST", "/api/auth/token", data=form | {"username": "bob@example.com"}) == [nobody]
    reset = {"token": f"{ann}.x", "new_password": NEW}
    assert await heard.of("POST", "/api/auth/password-reset", json=reset) == [
        {"event": "password.reset_refused"}
    ]
    session = tokens["refresh_token"].partition(".")[0]
    assert await heard.of("POST", "/api/auth/logout", json={"refresh_token": tokens["refresh_token"]}) == [
        {"event": "sessions.ended", "session": session}
    ]
    change = {"current_password": PASSWORD, "new_password": NEW}
    assert await heard.of("PUT", "/api/users/me/password", token, json=change) == [
        {"event": "password.changed", "actor": ann, "account": ann}
    ]
    assert await heard.of("GET", "/api/users/me", token) == [{"event": "token.refused", "subject": ann}]
    token = (await shop.log_in(ANN, NEW)).body["access_token"]
    not_mine = {"json": {"current_password": "wrong"}}
    assert await heard.of("POST", "/api/users/me/deletion", token, **not_mine) == [
        {"event": "login.failed", "account": ann, "reason": "wrong-password"}
    ]
    assert await heard.of("POST", "/api/users/me/deletion", token, json={"current_password": NEW}) == [
        {"event": "account.deleted", "actor": ann, "account": ann}
    ]
    assert not [line for line in heard.lines if "@" in line or PASSWORD in line or NEW in line]


async def test_a_password_that_is_set_by_a_one_time_token_is_told_of(shop: Shop) -> None:
    """Whose it was; the token is in no line, used or used again."""
    root, heard = await shop.admin(ROOT), Heard(shop)
    ann = await id_of(shop, await shop.customer(ANN))
    token = (await shop.call("POST", f"/api/admin/users/{ann}/password-resets", root)).body["token"]
    reset = {"token": token, "new_password": NEW}
    assert await heard.of("POST", "/api/auth/password-reset", json=reset) == [
        {"event": "password.reset", "account": ann}
    ]
    assert await heard.of("POST", "/api/auth/password-reset", json=reset) == [
        {"event": "password.reset_refused"}
    ]
    assert not [line for line in heard.lines if token in line or token.partition(".")[2] in line]


async def test_a_copied_refresh_token_is_told_of(shop: Shop) -> None:
    """Used again after the grace, it ends its session, and the log says whose; what comes of it then is refused."""
    ann = await id_of(shop, await shop.customer(ANN))
    heard, first = Heard(shop), (await shop.log_in(ANN)).body["refresh_token"]
    second = (await shop.refresh(first)).body["refresh_token"]
    third = (await shop.refresh(second)).body["refresh_token"]
    session = first.partition(".")[0]
    assert await heard.of("POST", "/api/auth/token", data={"refresh_token": first}) == [
        {"event": "session.reused", "account": ann, "session": session}
    ]
    assert await heard.of("POST", "/api/auth/token", data={"refresh_token": third}) == [
        {"event": "session.refused", "account": ann}
    ]


async def test_refresh_tokens_that_are_refused_are_told_of(shop: Shop, clock: ManualClock) -> None:
    """Forged, of a session that was ended, of a disabled account, or too old: each is a line, without the token."""
    heard, ann = Heard(shop), await id_of(shop, await shop.customer(ANN))
    await shop.admin(ROOT)
    closed, late, ended = [(await shop.log_in(ANN)).body["refresh_token"] for _ in range(3)]
    await shop.call("POST", "/api/auth/logout", json={"refresh_token": ended})
    refused = {"event": "session.refused"}
    for forged in (f"{closed[:-4]}AAAA", "a.1.b", "nonsense"):
        assert await heard.of("POST", "/api/auth/token", data={"refresh_token": forged}) == [
            refused | {"account": None}
        ]
    assert await heard.of("POST", "/api/auth/token", data={"refresh_token": ended}) == [
        refused | {"account": ann}
    ]
    clock.advance(3600 * 24 * 365)
    assert await heard.of("POST", "/api/auth/token", data={"refresh_token": late}) == [
        refused | {"account": ann}
    ]
    root, new = [(await shop.log_in(email)).body for email in (ROOT, ANN)]
    await shop.call("POST", f"/api/admin/users/{ann}/disable", root["access_token"])
    closed = new["refresh_token"]
    assert await heard.of("POST", "/api/auth/token", data={"refresh_token": closed}) == [
        refused | {"account": ann}
    ]
    assert not [line for line in heard.lines if closed in line or late in line or ended in line]


async def test_tokens_and_roles_that_are_not_enough_are_told_of(shop: Shop) -> None:
    """A forged access token, a customer who asks for what is an administrator's, a service that asks as a person."""
    ann = await shop.customer(ANN)
    heard, subject = Heard(shop), await id_of(shop, ann)
    for path in ("/api/users/me", "/api/admin/users"):
        assert await heard.of("GET", path, f"{ann[:-4]}AAAA") == [{"event": "token.refused"}]
    refused = {"event": "access.refused", "subject": subject}
    users, roles = "/api/admin/users", "/api/admin/users/{account_id}/roles"
    body = {"json": {"roles": ["customer", "admin"]}}
    assert await heard.of("GET", users, ann) == [refused | {"path": users}]
    mine = roles.format(account_id=subject)
    assert await heard.of("PUT", mine, ann, **body) == [refused | {"path": roles}]
    (told,) = await heard.of("GET", "/api/users/me", shop.machine("order"))
    assert (told["event"], told["path"]) == ("access.refused", "/api/users/me")


async def test_the_documentation_names_every_event(shop: Shop) -> None:
    """Those who watch the counters find each in the table, and each of the table among the counters."""
    page = (REPOSITORY / "docs" / "authentication.md").read_text()
    table = page.partition("{#security-events}")[2].partition("\n#")[0]
    shown = (await shop.call("GET", "/metrics")).text
    counted = re.findall(r'store_security_events_total{event="([^"]+)"}', shown)
    assert set(re.findall(r"`([a-z]+\.[a-z_]+)`", table)) == set(counted)


async def test_a_service_with_a_wrong_secret_is_told_of(shop: Shop) -> None:
    """Without what it sent."""
    form = {"grant_type": "client_credentials", "client_id": "order", "client_secret": "wrong"}
    assert await Heard(shop).of("POST", "/api/auth/token", data=form) == [{"event": "client.refused"}]
