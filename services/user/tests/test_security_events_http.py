"""What the security log tells: each event with the ids of who did it and to whom, and nothing personal."""

import pytest
from structlog.testing import capture_logs

from services.user.tests.serving import PASSWORD, Shop

pytestmark = pytest.mark.anyio
NEW = "four red kettles"
ANN, ROOT = "ann@example.com", "root@example.com"


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


async def test_a_copied_refresh_token_is_told_of(shop: Shop) -> None:
    """Used again after the grace, it ends its session, and the log says whose; what comes of it then is refused."""
    await shop.customer(ANN)
    heard, first = Heard(shop), (await shop.log_in(ANN)).body["refresh_token"]
    second = (await shop.refresh(first)).body["refresh_token"]
    await shop.refresh(second)
    (told,) = await heard.of("POST", "/api/auth/token", data={"refresh_token": first})
    assert (told["event"], told["session"]) == ("session.reused", first.partition(".")[0])


async def test_a_service_with_a_wrong_secret_is_told_of(shop: Shop) -> None:
    """Without what it sent."""
    form = {"grant_type": "client_credentials", "client_id": "order", "client_secret": "wrong"}
    assert await Heard(shop).of("POST", "/api/auth/token", data=form) == [{"event": "client.refused"}]
