"""Authority over HTTP: what a demotion, a disabled account, a sign-out and a deletion end, and who may do it."""

import pytest
from store_user.app import create_service

from services.user.tests.conftest import Configure
from services.user.tests.serving import PASSWORD, Shop
from tests.support.clock import ManualClock
from tests.support.services import serve_service

pytestmark = pytest.mark.anyio
NEW = "four red kettles"


async def person(shop: Shop, email: str) -> tuple[str, str]:
    """Return the id and the access token of a new customer."""
    token = await shop.customer(email)
    return (await shop.call("GET", "/api/users/me", token)).body["id"], token


async def second_admin(shop: Shop) -> tuple[str, str]:
    """Return the id and the token of another administrator."""
    token = await shop.admin("mallory@example.com")
    return (await shop.call("GET", "/api/users/me", token)).body["id"], token


async def test_a_demoted_administrator_cannot_come_back(shop: Shop) -> None:
    """With the token from before the demotion neither one's own role nor the other administrator's can be changed."""
    root = await shop.admin()
    root_id = (await shop.call("GET", "/api/users/me", root)).body["id"]
    mallory, stale = await second_admin(shop)
    demote = {"roles": ["customer"]}
    assert (await shop.call("PUT", f"/api/admin/users/{mallory}/roles", root, json=demote)).status == 200
    again = await shop.call(
        "PUT", f"/api/admin/users/{mallory}/roles", stale, json={"roles": ["customer", "admin"]}
    )
    assert again.status == 401
    assert 'error="invalid_token"' in again.headers["WWW-Authenticate"]
    assert (await shop.call("PUT", f"/api/admin/users/{root_id}/roles", stale, json=demote)).status == 401
    assert (await shop.call("GET", "/api/users/me", root)).body["roles"] == ["admin", "customer"]


async def test_sessions_go_on_without_the_role_that_was_taken(shop: Shop) -> None:
    """After a demotion the refresh token still works, and gives a token without that role."""
    root = await shop.admin()
    mallory, _ = await second_admin(shop)
    refresh = (await shop.log_in("mallory@example.com")).body["refresh_token"]
    await shop.call("PUT", f"/api/admin/users/{mallory}/roles", root, json={"roles": ["customer"]})
    token = (await shop.refresh(refresh)).body["access_token"]
    assert (await shop.call("GET", "/api/users/me", token)).body["roles"] == ["customer"]
    assert (await shop.call("GET", "/api/admin/users", token)).status == 403


async def test_a_disabled_account_is_shut_until_it_is_enabled(shop: Shop) -> None:
    """Its tokens, sessions and right password are refused; enabled, it signs in again and nothing is lost."""
    root = await shop.admin()
    ann, token = await person(shop, "ann@example.com")
    refresh = (await shop.log_in()).body["refresh_token"]
    for _ in range(2):
        closed = await shop.call("POST", f"/api/admin/users/{ann}/disable", root)
        assert (closed.status, closed.body["status"]) == (200, "disabled")
    assert (await shop.call("GET", "/api/users/me", token)).status == 401
    assert (await shop.refresh(refresh)).slug == "refresh-refused"
    assert (await shop.log_in()).slug == "account-disabled"
    assert (await shop.log_in(password="wrong")).slug == "wrong-credentials"
    for _ in range(2):
        opened = await shop.call("POST", f"/api/admin/users/{ann}/enable", root)
        assert (opened.status, opened.body["status"]) == (200, "active")
    assert (await shop.refresh(refresh)).slug == "refresh-refused"
    assert (await shop.log_in()).status == 200


async def test_the_last_administrator_stays(shop: Shop) -> None:
    """Neither disabled, nor deleted, nor demoted, by oneself or while the other one is disabled."""
    root = await shop.admin()
    root_id = (await shop.call("GET", "/api/users/me", root)).body["id"]
    mallory, _ = await second_admin(shop)
    assert (await shop.call("POST", f"/api/admin/users/{mallory}/disable", root)).status == 200
    for method, path, body in (
        ("POST", f"/api/admin/users/{root_id}/disable", None),
        ("PUT", f"/api/admin/users/{root_id}/roles", {"roles": ["customer"]}),
        ("POST", "/api/users/me/deletion", {"current_password": PASSWORD}),
    ):
        refused = await shop.call(method, path, root, json=body)
        assert (refused.status, refused.slug) == (409, "last-admin"), path
    assert (await shop.call("GET", "/api/admin/users", root)).status == 200


async def test_signing_out_everywhere(shop: Shop) -> None:
    """All sessions are listed and then ended, the one that asks too."""
    token = await shop.customer()
    refreshes = [(await shop.log_in()).body["refresh_token"] for _ in range(2)]
    listed = (await shop.call("GET", "/api/users/me/sessions", token)).body["items"]
    assert len(listed) == 3
    assert (await shop.call("DELETE", "/api/users/me/sessions", token)).status == 204
    assert (await shop.call("GET", "/api/users/me", token)).status == 401
    assert {(await shop.refresh(one)).slug for one in refreshes} == {"refresh-refused"}
    token = (await shop.log_in()).body["access_token"]
    assert len((await shop.call("GET", "/api/users/me/sessions", token)).body["items"]) == 1


async def test_one_session_is_ended_and_the_others_go_on(shop: Shop) -> None:
    """By its owner or an administrator; another account's session is not found."""
    root = await shop.admin()
    ann, token = await person(shop, "ann@example.com")
    _, bobs = await person(shop, "bob@example.com")
    kept, ended = [(await shop.log_in()).body["refresh_token"] for _ in range(2)]
    newest = (await shop.call("GET", f"/api/admin/users/{ann}/sessions", root)).body["items"][0]["id"]
    assert ended.startswith(newest)
    assert (await shop.call("DELETE", f"/api/users/me/sessions/{newest}", bobs)).slug == "session-not-found"
    assert (await shop.call("DELETE", f"/api/admin/users/{ann}/sessions/{newest}", root)).status == 204
    assert (await shop.refresh(ended)).slug == "refresh-refused"
    assert (await shop.call("GET", "/api/users/me", token)).status == 401
    mine = (await shop.refresh(kept)).body["access_token"]
    assert newest not in str((await shop.call("GET", "/api/users/me/sessions", mine)).body)
    assert (await shop.call("DELETE", f"/api/admin/users/{ann}/sessions", root)).status == 204
    assert (await shop.call("GET", "/api/users/me", mine)).status == 401


async def test_a_forgotten_password_is_replaced_once(shop: Shop, clock: ManualClock) -> None:
    """The newest one-time token works once, within an hour, for an allowed password; every session ends."""
    root = await shop.admin()
    ann, token = await person(shop, "ann@example.com")
    older, newer = [
        (await shop.call("POST", f"/api/admin/users/{ann}/password-resets", root)).body["token"]
        for _ in range(2)
    ]

    async def reset(one: str, password: str = NEW) -> str | int:
        answer = await shop.call(
            "POST", "/api/auth/password-reset", json={"token": one, "new_password": password}
        )
        return answer.status if answer.status == 204 else answer.slug

    for wrong in (older, f"{ann}.x", "x", newer[:-1], f"{newer}x"):
        assert await reset(wrong) == "reset-refused"
    assert await reset(newer, "password") == "invalid-input"
    assert (await shop.call("GET", "/api/users/me", token)).status == 200
    assert await reset(newer) == 204
    assert await reset(newer) == "reset-refused"
    assert (await shop.call("GET", "/api/users/me", token)).status == 401
    assert (await shop.log_in()).slug == "wrong-credentials"
    assert (await shop.log_in(password=NEW)).status == 200
    late = (await shop.call("POST", f"/api/admin/users/{ann}/password-resets", root)).body["token"]
    clock.advance(3600)
    assert await reset(late) == "reset-refused"


async def test_an_account_is_exported(shop: Shop) -> None:
    """Account, sessions and news; what cannot be asked right now is named."""
    token = await shop.customer()
    got = await shop.call("GET", "/api/users/me/export", token)
    assert (got.status, got.body["account"]["email"]) == (200, "ann@example.com")
    assert len(got.body["sessions"]) == 1
    assert (got.body["orders"], got.body["incomplete"]) == (None, ["orders", "cart"])
    assert "password" not in got.text
    assert "attachment" in got.headers["Content-Disposition"]


async def test_deleting_needs_the_password(shop: Shop) -> None:
    """A token alone deletes no account."""
    token = await shop.customer()
    refused = await shop.call(
        "POST", "/api/users/me/deletion", token, json={"current_password": "not this one"}
    )
    assert (refused.status, refused.slug) == (403, "wrong-password")
    assert (await shop.call("GET", "/api/users/me", token)).status == 200


async def test_who_has_left_is_signed_out_at_once_and_waits_for_the_cart(shop: Shop) -> None:
    """While the cart service does not answer the account is shut already; its address is not free yet."""
    token = await shop.customer()
    gone = await shop.call("POST", "/api/users/me/deletion", token, json={"current_password": PASSWORD})
    assert gone.status == 204
    assert (await shop.call("GET", "/api/users/me", token)).status == 401
    assert (await shop.log_in()).slug == "wrong-credentials"
    assert (await shop.register()).slug == "email-taken"


async def test_services_hear_what_has_ended_however_short_tokens_live_now(
    configure: Configure, clock: ManualClock
) -> None:
    """A token from before `STORE_USER_ACCESS_LIFETIME_S` was lowered lives on, and so does its end on the list."""
    service = create_service(configure(user_access_lifetime_s=10), clock=clock)
    async with serve_service(service) as client:
        shop = Shop(client, service)
        ann, token = await person(shop, "ann@example.com")
        await shop.call("DELETE", "/api/users/me/sessions", token)
        clock.advance(500)
        heard = await shop.call("GET", "/internal/revocations", shop.machine("catalog"))
        assert heard.body == {"epochs": {ann: 2}}


async def test_services_hear_what_has_ended(shop: Shop, clock: ManualClock) -> None:
    """The list names changed accounts and their epochs as long as older tokens may live, and no others."""
    ann, token = await person(shop, "ann@example.com")
    await person(shop, "bob@example.com")

    async def epochs() -> dict[str, int]:
        clock.advance(1)
        answer = await shop.call("GET", "/internal/revocations", shop.machine("catalog"))
        assert answer.status == 200
        found: dict[str, int] = answer.body["epochs"]
        return found

    assert await epochs() == {}
    await shop.call("DELETE", "/api/users/me/sessions", token)
    assert await epochs() == {ann: 2}
    token = (await shop.log_in()).body["access_token"]
    clock.advance(120)
    assert await epochs() == {ann: 2}
    await shop.call("DELETE", "/api/users/me/sessions", token)
    assert await epochs() == {ann: 3}
    clock.advance(700)
    assert await epochs() == {}
    assert (await shop.call("GET", "/internal/revocations", shop.machine("user"))).status == 403
