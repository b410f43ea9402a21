"""Accounts over HTTP, on the real service."""

import asyncio

import pytest
from store_user.adapters.common_passwords import common_passwords
from store_user.app import create_service
from store_user.domain.accounts import Account, Role

from services.user.tests.conftest import Configure
from services.user.tests.serving import PASSWORD, Shop
from tests.support.services import serve_service

pytestmark = pytest.mark.anyio
T0 = 1_700_000_000_000


def tag(version: int, account_id: str) -> str:
    """Return the ETag of a version of an account."""
    return f'"{version}-{account_id}"'


async def test_a_customer_registers_and_reads_the_account(shop: Shop) -> None:
    """The address is normalised, the role is customer, no password or hash is ever shown."""
    made = await shop.register(" Ann@Example.COM ", name="Анна")
    assert (made.status, made.headers["ETag"]) == (201, tag(1, made.body["id"]))
    assert set(made.body) == {"id", "email", "name", "roles", "status", "version", "created_at", "updated_at"}
    assert (made.body["email"], made.body["name"]) == ("ann@example.com", "Анна")
    assert made.body["roles"] == ["customer"]
    token = (await shop.log_in("ANN@example.com")).body["access_token"]
    assert (await shop.call("GET", "/api/users/me", token)).body == made.body


async def test_a_hundred_parallel_registrations_make_one_account(shop: Shop) -> None:
    """Same address at the same time: one 201 and 99 clean 409s, one account in the list."""
    spellings = ["ann@example.com", "ANN@EXAMPLE.COM ", "Ann@Example.com"]
    answers = await asyncio.gather(*(shop.register(spellings[n % 3]) for n in range(100)))
    assert sorted(a.status for a in answers) == [201] + [409] * 99
    assert {a.slug for a in answers if a.status == 409} == {"email-taken"}
    listed = await shop.call("GET", "/api/admin/users?limit=100", await shop.admin())
    assert [u["email"] for u in listed.body["items"]].count("ann@example.com") == 1


WRONG_REGISTRATIONS: list[tuple[dict[str, object], str]] = [
    ({"roles": ["admin"]}, "body.roles"),
    ({"admin": True}, "body.admin"),
    ({"email": "ann"}, "body.email"),
    ({"email": None}, "body.email"),
    ({"email": f"{'a' * 300}@example.com"}, "body.email"),
    ({"password": "short"}, "body.password"),
    ({"password": "x" * 129}, "body.password"),
    ({"password": "tab\tulator"}, "body.password"),
    ({"password": 12345678}, "body.password"),
    ({"name": ""}, "body.name"),
    ({"name": "a\x00b"}, "body.name"),
    ({"name": "\ud800"}, "body.name"),
    ({"name": "\u200b"}, "body.name"),
    ({"name": "\u3164\u2060"}, "body.name"),
    ({"name": "a\x85b"}, "body.name"),
    ({"name": "x" * 101}, "body.name"),
]


async def test_what_is_wrong_with_a_registration_is_told(shop: Shop, subtests: pytest.Subtests) -> None:
    """422 names the field; a role in the body is refused; nothing of the value is repeated."""
    fair = {"email": "ann@example.com", "password": PASSWORD}
    for change, field in WRONG_REGISTRATIONS:
        with subtests.test(change=change):
            answer = await shop.call("POST", "/api/users", json=fair | change)
            assert (answer.status, answer.slug) == (422, "invalid-input")
            assert [e["field"] for e in answer.body["errors"]] == [field]
            assert "\\x00" not in answer.body["errors"][0]["message"]


async def test_a_name_has_no_bidi_overrides(shop: Shop) -> None:
    """People's names are read by the rule of products' names: what turns a line around is left out of it."""
    made = await shop.register(name=" \u202eAnn\u202c Cafe\u0301 ")
    assert (made.status, made.body["name"]) == (201, "Ann Caf\u00e9")


async def test_the_passwords_that_are_tried_first_are_refused(shop: Shop, subtests: pytest.Subtests) -> None:
    """By the list that is shipped, at least the 3 000 commonest of it (ASVS 5.0, 6.2.4), and one's own address."""
    assert len(common_passwords()) >= 3_000
    for number, password in enumerate(
        ["password", "12345678", "aaaaaaaa", "password1", " " * 8, "P@ssw0rd", "QwertyUiop", "7@example.com"]
    ):
        with subtests.test(password=password):
            refused = await shop.register(f"{number}@example.com", password=password)
            assert (refused.status, refused.slug) == (422, "invalid-input")
            assert [error["field"] for error in refused.body["errors"]] == ["body.password"]
            assert (await shop.log_in(f"{number}@example.com", password)).status == 400


async def test_an_unchanged_account_is_not_sent_again(shop: Shop) -> None:
    """If-None-Match with the present ETag: 304 without a body."""
    token = await shop.customer()
    present = (await shop.call("GET", "/api/users/me", token)).headers["ETag"]
    same = await shop.call("GET", "/api/users/me", token, headers={"If-None-Match": present})
    assert (same.status, same.text, same.headers["ETag"]) == (304, "", present)
    other = await shop.call("GET", "/api/users/me", token, headers={"If-None-Match": '"7"'})
    assert other.status == 200


async def test_accounts_of_one_version_have_different_tags(shop: Shop) -> None:
    """`/api/users/me` does not say whose account it is: a tag of another person's is not 304."""
    ann, bob = await shop.customer(), await shop.customer("bob@example.com")
    tag_of_ann = (await shop.call("GET", "/api/users/me", ann)).headers["ETag"]
    seen = await shop.call("GET", "/api/users/me", bob, headers={"If-None-Match": tag_of_ann})
    assert (seen.status, seen.body["email"]) == (200, "bob@example.com")


async def test_the_name_is_edited_of_the_version_that_was_read(shop: Shop) -> None:
    """428 without If-Match, 412 with an old one, 200 with the present one; null clears."""
    token = await shop.customer()

    async def patch(name: str | None, **headers: str) -> tuple[int, str | None]:
        sent = {key.replace("_", "-"): value for key, value in headers.items()}
        answer = await shop.call("PATCH", "/api/users/me", token, json={"name": name}, headers=sent)
        return answer.status, answer.headers.get("ETag")

    assert await patch("Anna") == (428, None)
    me = (await shop.call("GET", "/api/users/me", token)).body["id"]
    assert await patch("Anna", If_Match=tag(1, me)) == (200, tag(2, me))
    assert await patch("Anne", If_Match=tag(1, me)) == (412, None)
    assert await patch(None, If_Match=tag(2, me)) == (200, tag(3, me))
    assert (await shop.call("GET", "/api/users/me", token)).body["name"] is None


async def test_parallel_edits_of_one_version_lose_nothing(shop: Shop) -> None:
    """Of twenty edits of version 1 one is made, the others are told to read again."""
    token = await shop.customer()
    me = (await shop.call("GET", "/api/users/me", token)).body["id"]
    edits = (
        shop.call(
            "PATCH", "/api/users/me", token, json={"name": f"Ann {n}"}, headers={"If-Match": tag(1, me)}
        )
        for n in range(20)
    )
    assert sorted([a.status for a in await asyncio.gather(*edits)]) == [200] + [412] * 19


async def test_a_changed_password_ends_the_other_sessions(shop: Shop) -> None:
    """The session that is named goes on, the other one and the old password do not."""
    token = await shop.customer()
    mine = (await shop.log_in()).body["refresh_token"]
    other = (await shop.log_in()).body["refresh_token"]
    change = {"current_password": PASSWORD, "new_password": "four red kettles", "refresh_token": mine}
    assert (await shop.call("PUT", "/api/users/me/password", token, json=change)).status == 204
    assert (await shop.refresh(other)).slug == "refresh-refused"
    assert (await shop.call("GET", "/api/users/me", token)).status == 401
    goes_on = await shop.refresh(mine)
    assert goes_on.status == 200
    assert (await shop.log_in()).slug == "wrong-credentials"
    assert (await shop.log_in(password="four red kettles")).status == 200
    token = goes_on.body["access_token"]
    again = await shop.call("PUT", "/api/users/me/password", token, json=change)
    assert (again.status, again.slug) == (403, "wrong-password")


async def test_news_arrive_once_and_are_read_page_by_page(shop: Shop) -> None:
    """A batch delivered twice is read once, newest first, with a Link to the next page."""
    token = await shop.customer()
    me = (await shop.call("GET", "/api/users/me", token)).body["id"]
    batch = [
        {"id": f"n{n}", "user_id": me, "order_id": "o1", "status": "SHIPPING", "at_ms": T0 + n}
        for n in range(5)
    ]
    first = await shop.call("POST", "/internal/notifications", shop.machine(), json={"notifications": batch})
    twice = await shop.call("POST", "/internal/notifications", shop.machine(), json={"notifications": batch})
    assert (first.body, twice.body) == ({"accepted": 5, "new": 5}, {"accepted": 5, "new": 0})
    seen, path = [], "/api/users/me/notifications?limit=2"
    while path:
        page = await shop.call("GET", path, token)
        seen += [news["id"] for news in page.body["items"]]
        path = page.headers["Link"][1:].partition(">")[0] if page.body["next_cursor"] else ""
    assert seen == ["n4", "n3", "n2", "n1", "n0"]
    newest = (await shop.call("GET", "/api/users/me/notifications?limit=1", token)).body["items"][0]
    expected = {"id": "n4", "order_id": "o1", "status": "SHIPPING", "at": "2023-11-14T22:13:20.004Z"}
    assert newest == expected


async def test_a_foreign_or_altered_cursor_is_refused(shop: Shop) -> None:
    """A cursor works for the list and the person it was made for."""
    ann, bob = await shop.customer(), await shop.customer("bob@example.com")
    me = (await shop.call("GET", "/api/users/me", ann)).body["id"]
    batch = [
        {"id": f"n{n}", "user_id": me, "order_id": "o", "status": "X", "at_ms": T0 + n} for n in range(3)
    ]
    await shop.call("POST", "/internal/notifications", shop.machine(), json={"notifications": batch})
    cursor = (await shop.call("GET", "/api/users/me/notifications?limit=1", ann)).body["next_cursor"]
    for path, token in (
        (f"/api/users/me/notifications?cursor={cursor}", bob),
        (f"/api/users/me/notifications?cursor={cursor}x", ann),
        ("/api/users/me/notifications?cursor=zzzz", ann),
        (f"/api/admin/users?cursor={cursor}", await shop.admin()),
    ):
        answer = await shop.call("GET", path, token)
        assert (answer.status, answer.slug) == (400, "invalid-cursor")


async def test_administrators_page_through_all_accounts(shop: Shop) -> None:
    """Every account once, newest first, without passwords."""
    admin = await shop.admin()
    for number in range(5):
        await shop.register(f"{number}@example.com")
    seen, cursor = [], ""
    while True:
        page = await shop.call("GET", f"/api/admin/users?limit=2{cursor}", admin)
        seen += [user["email"] for user in page.body["items"]]
        assert "argon2" not in page.text
        if not page.body["next_cursor"]:
            break
        cursor = f"&cursor={page.body['next_cursor']}"
    assert seen == [*(f"{n}@example.com" for n in (4, 3, 2, 1, 0)), "root@example.com"]


async def test_roles_are_set_and_show_in_the_next_token(shop: Shop) -> None:
    """An old token keeps its roles; a refreshed one has the new ones."""
    admin, customer = await shop.admin(), await shop.customer()
    session = (await shop.log_in()).body["refresh_token"]
    me = (await shop.call("GET", "/api/users/me", customer)).body["id"]
    path, roles = f"/api/admin/users/{me}/roles", {"roles": ["customer", "admin"]}
    assert (await shop.call("PUT", path, customer, json=roles)).status == 403
    changed = await shop.call("PUT", path, admin, json=roles)
    assert (changed.status, changed.body["roles"], changed.headers["ETag"]) == (
        200,
        ["admin", "customer"],
        tag(2, me),
    )
    assert (await shop.call("PUT", path, admin, json=roles)).headers["ETag"] == tag(2, me)
    stale = await shop.call("PUT", path, admin, json=roles, headers={"If-Match": tag(1, me)})
    assert (stale.status, stale.slug) == (412, "precondition-failed")
    exact = await shop.call("PUT", path, admin, json={"roles": ["admin"]}, headers={"If-Match": tag(2, me)})
    assert exact.body["roles"] == ["admin"]
    assert (await shop.call("GET", "/api/admin/users", customer)).status == 403
    renewed = (await shop.refresh(session)).body["access_token"]
    assert (await shop.call("GET", "/api/admin/users", renewed)).status == 200


async def test_unknown_accounts_unknown_roles_and_the_last_administrator(shop: Shop) -> None:
    """404, 422 and 409: the role of machines cannot be given to an account."""
    admin = await shop.admin()
    root = (await shop.call("GET", "/api/users/me", admin)).body["id"]
    nobody = "0198c5a2-7b1e-7c3a-9d2f-5e8b6a1c4d70"
    for account_id, roles, status, slug in (
        (nobody, ["admin"], 404, "account-not-found"),
        ("nonsense", ["admin"], 422, "invalid-input"),
        (root, ["service"], 422, "invalid-input"),
        (root, [], 422, "invalid-input"),
        (root, ["customer"], 409, "last-admin"),
    ):
        answer = await shop.call("PUT", f"/api/admin/users/{account_id}/roles", admin, json={"roles": roles})
        assert (answer.status, answer.slug) == (status, slug)


ROUTES = [
    ("GET", "/api/users/me", {"customer", "admin"}),
    ("PATCH", "/api/users/me", {"customer", "admin"}),
    ("PUT", "/api/users/me/password", {"customer", "admin"}),
    ("GET", "/api/users/me/summary", {"customer", "admin"}),
    ("GET", "/api/users/me/notifications", {"customer", "admin"}),
    ("GET", "/api/admin/users", {"admin"}),
    ("PUT", "/api/admin/users/0198c5a2-7b1e-7c3a-9d2f-5e8b6a1c4d70/roles", {"admin"}),
    ("POST", "/internal/notifications", {"service"}),
]


async def test_who_may_call_what(shop: Shop, subtests: pytest.Subtests) -> None:
    """401 for anonymous callers, 403 for the wrong role, something else for the right one."""
    tokens = {"customer": await shop.customer(), "admin": await shop.admin(), "service": shop.machine()}
    for method, path, allowed in ROUTES:
        with subtests.test(route=f"{method} {path}"):
            anonymous = await shop.call(method, path)
            assert (anonymous.status, anonymous.headers["WWW-Authenticate"]) == (401, "Bearer")
            for who, token in tokens.items():
                answer = await shop.call(method, path, token)
                assert (answer.status == 403) == (who not in allowed)
                assert answer.status not in {401, 500}


async def test_the_token_of_an_account_that_is_gone_is_refused(shop: Shop) -> None:
    """A data folder that was reset knows its old tokens no more, even with the same keys."""
    gone = Account(
        "0198c5a2-7b1e-7c3a-9d2f-5e8b6a1c4d70", "x@y.z", None, "", frozenset({Role.CUSTOMER}), 0, 0
    )
    token = shop.use_cases.refresh.access_tokens.sign_for_account(gone)
    answer = await shop.call("GET", "/api/users/me", token)
    assert (answer.status, answer.slug) == (401, "unauthenticated")


async def test_accounts_survive_a_restart(configure: Configure) -> None:
    """What was answered is there when the service comes back, sessions too."""
    async with serve_service(first := create_service(configure())) as client:
        shop = Shop(client, first)
        await shop.register()
        session = (await shop.log_in()).body["refresh_token"]
    async with serve_service(second := create_service(configure())) as client:
        shop = Shop(client, second)
        assert (await shop.register()).slug == "email-taken"
        assert (await shop.refresh(session)).status == 200


async def test_the_service_says_whether_it_is_ready_and_counts_itself(shop: Shop) -> None:
    """Health names the database; metrics count registrations and logins and name no person."""
    await shop.customer("ann@example.com")
    await shop.log_in(password="wrong one")
    ready = await shop.call("GET", "/health/ready")
    assert (ready.status, ready.body["dependencies"]["database"]["status"]) == (200, "up")
    metrics = (await shop.call("GET", "/metrics")).text
    assert "store_users_registered_total 1.0" in metrics
    assert 'store_logins_total{outcome="ok"} 1.0' in metrics
    assert 'store_logins_total{outcome="wrong-credentials"} 1.0' in metrics
    assert "store_password_hashes_pending 0.0" in metrics
    assert "ann" not in metrics


async def test_a_method_that_is_not_offered_names_those_that_are(shop: Shop) -> None:
    """405 lists every method of the path in `Allow`, not only the first route's."""
    answer = await shop.call("OPTIONS", "/api/users/me")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, PATCH")
    assert (await shop.call("DELETE", "/api/users")).headers["Allow"] == "POST"
