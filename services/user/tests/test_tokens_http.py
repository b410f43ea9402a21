"""Token requests over HTTP: every grant, every refusal."""

import asyncio
import base64
import json
import time
from typing import Any

import aiohttp
import pytest
from store_kit.secrets import Secrets
from store_user.app import create_service

from services.user.tests.conftest import Configure
from services.user.tests.serving import PASSWORD, Shop
from tests.support.clock import ManualClock
from tests.support.services import serve_service

pytestmark = pytest.mark.anyio


async def test_a_token_answer_is_what_oauth_clients_expect(shop: Shop) -> None:
    """Bearer, lifetime in seconds, a refresh token, never to be cached."""
    await shop.register()
    answer = await shop.log_in()
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    assert (answer.body["token_type"], answer.body["expires_in"]) == ("bearer", 600)
    assert set(answer.body) == {"access_token", "token_type", "expires_in", "refresh_token"}


async def test_swaggers_authorize_works(shop: Shop) -> None:
    """An empty Basic header and an empty scope come along with the password: neither matters."""
    await shop.register()
    form = {"grant_type": "password", "username": "ann@example.com", "password": PASSWORD, "scope": ""}
    basic = {"Authorization": "Basic Og=="}
    assert (await shop.call("POST", "/api/auth/token", data=form, headers=basic)).status == 200


async def test_the_grant_is_understood_without_its_name(shop: Shop) -> None:
    """Username and password alone say what is meant, so does a refresh token: short curl lines work."""
    await shop.register()
    answer = await shop.token(username="ann@example.com", password=PASSWORD)
    assert answer.status == 200
    assert (await shop.token(refresh_token=answer.body["refresh_token"])).status == 200


WRONG_FORMS: list[tuple[dict[str, str], list[str]]] = [
    ({}, ["body.grant_type"]),
    ({"grant_type": "magic"}, ["body.grant_type"]),
    ({"grant_type": "password"}, ["body.username", "body.password"]),
    ({"grant_type": "password", "username": "a", "password": "b", "role": "admin"}, ["body.role"]),
    ({"grant_type": "password", "username": "a", "password": "x" * 129}, ["body.password"]),
    ({"grant_type": "password", "username": "a\x00", "password": "x"}, ["body.username"]),
    ({"grant_type": "refresh_token"}, ["body.refresh_token"]),
    ({"grant_type": "refresh_token", "refresh_token": "x" * 513}, ["body.refresh_token"]),
    ({"grant_type": "client_credentials"}, ["body.client_id", "body.client_secret"]),
]


async def test_a_form_that_does_not_fit_says_which_field(shop: Shop, subtests: pytest.Subtests) -> None:
    """400 with OAuth's error (RFC 6749, 5.2) names the fields of the grant that was meant."""
    for form, fields in WRONG_FORMS:
        with subtests.test(form=form):
            answer = await shop.token(**form)
            kind = "unsupported_grant_type" if form.get("grant_type") == "magic" else "invalid_request"
            assert (answer.status, answer.body["error"]) == (400, kind)
            assert answer.body["error_description"]
            assert [e["field"] for e in answer.body["errors"]] == fields


async def test_what_is_no_form_is_refused(shop: Shop) -> None:
    """JSON, files, repeated fields and too many of them are the caller's mistake, never ours."""
    form = {"grant_type": "password", "username": "ann@example.com", "password": PASSWORD}
    assert (await shop.call("POST", "/api/auth/token", json=form)).status == 400
    twice = [*form.items(), ("username", "bob@example.com")]
    assert (await shop.call("POST", "/api/auth/token", data=twice)).status == 400
    many = {f"f{n}": "x" for n in range(50)}
    assert (await shop.call("POST", "/api/auth/token", data=many)).status in {400, 422}
    upload = aiohttp.FormData()
    upload.add_field("grant_type", b"password", filename="grant.txt")
    assert (await shop.call("POST", "/api/auth/token", data=upload)).status in {400, 422}
    broken = {"Content-Type": "multipart/form-data"}
    assert (await shop.call("POST", "/api/auth/token", data=b"x", headers=broken)).status in {400, 422}


async def test_wrong_and_unknown_are_one_answer(shop: Shop) -> None:
    """Neither the answer nor its status tells whether an address has an account."""
    await shop.register()
    wrong, unknown = await shop.log_in(password="wrong"), await shop.log_in("nobody@example.com")
    assert wrong.body | {"trace_id": ""} == unknown.body | {"trace_id": ""}
    assert (wrong.status, wrong.slug, wrong.body["error"]) == (400, "wrong-credentials", "invalid_grant")


async def test_a_session_is_refreshed_repeated_and_ended_by_reuse(shop: Shop, clock: ManualClock) -> None:
    """Ten seconds of grace give the same successor; later use of the old token ends the session."""
    await shop.register()
    first = (await shop.log_in()).body["refresh_token"]
    answers = await asyncio.gather(*(shop.refresh(first) for _ in range(30)))
    assert {a.status for a in answers} == {200}
    [second] = {a.body["refresh_token"] for a in answers}
    clock.advance(10)
    assert (await shop.refresh(first)).body["refresh_token"] == second
    clock.advance(0.001)
    assert (await shop.refresh(first)).slug == "refresh-refused"
    assert (await shop.refresh(second)).slug == "refresh-refused"


async def test_logging_out_can_be_repeated(shop: Shop) -> None:
    """204 for a living, an ended and an invented session; the living one has ended."""
    await shop.register()
    token = (await shop.log_in()).body["refresh_token"]
    for given in (token, token, "invented", "a.1.b"):
        answer = await shop.call("POST", "/api/auth/logout", json={"refresh_token": given})
        assert (answer.status, answer.text) == (204, "")
    assert (await shop.refresh(token)).status == 400


async def test_a_forged_refresh_token_is_refused(shop: Shop) -> None:
    """No part of it can be altered, and trying ends no session."""
    await shop.register()
    token = (await shop.log_in()).body["refresh_token"]
    session, generation, signature = token.split(".")
    for forged in (
        f"{session}.{generation}.{signature[:-2]}AA",
        f"{session}.2.{signature}",
        f"x{session[1:]}.{generation}.{signature}",
        f"{session}.{'9' * 400}.{signature}",
        f"{session}.-1.{signature}",
        f"{session}.{generation}.ключ",
    ):
        assert (await shop.refresh(forged)).slug == "refresh-refused"
    assert (await shop.refresh(token)).status == 200


async def test_services_get_tokens_by_their_own_secret(shop: Shop, configure: Configure) -> None:
    """By form or HTTP Basic; role service only, no refresh token; another one's secret does not do."""
    secrets = Secrets(configure())
    secret = secrets.text("service_secret_order")
    by_form = await shop.token(grant_type="client_credentials", client_id="order", client_secret=secret)
    basic = {"Authorization": "Basic " + base64.b64encode(f"order:{secret}".encode()).decode()}
    form = {"grant_type": "client_credentials"}
    by_basic = await shop.call("POST", "/api/auth/token", data=form, headers=basic)
    for answer in (by_form, by_basic):
        assert (answer.status, answer.body["refresh_token"]) == (200, None)
        news = await shop.call(
            "POST", "/internal/notifications", answer.body["access_token"], json={"notifications": []}
        )
        assert news.status == 200
        assert (await shop.call("GET", "/api/users/me", answer.body["access_token"])).status == 403


async def test_a_token_says_for_which_client_it_was_issued(shop: Shop) -> None:
    """`client_id` (RFC 9068, 2.2) is the shop itself for people, also after a refresh, and a service for itself."""
    await shop.register()
    tokens = (await shop.log_in()).body
    renewed = (await shop.refresh(tokens["refresh_token"])).body
    for token in (tokens["access_token"], renewed["access_token"]):
        assert claims_of(token)["client_id"] == "product-store"
    assert claims_of(shop.machine("order"))["client_id"] == "order"


def claims_of(token: str) -> dict[str, Any]:
    """Return what a token says, unverified."""
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return claims


async def test_strangers_are_no_service(shop: Shop) -> None:
    """A wrong secret, an unknown service and a header that cannot be read are refused alike."""
    strangers = [("order", ""), ("order", "wrong"), ("nobody", ""), ("", ""), ("order", "ключ")]
    for client_id, secret in strangers:
        answer = await shop.token(grant_type="client_credentials", client_id=client_id, client_secret=secret)
        assert (answer.status, answer.body["error"]) == (401, "invalid_client")
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    form = {"grant_type": "client_credentials"}
    for basic in ("///", "b3JkZXI=", base64.b64encode(b"order:\xff").decode()):
        answer = await shop.call(
            "POST", "/api/auth/token", data=form, headers={"Authorization": f"Basic {basic}"}
        )
        assert (answer.status, answer.body["error"]) == (401, "invalid_client")


async def test_the_public_keys_are_public_and_nothing_else_is(shop: Shop) -> None:
    """The key set may be cached and holds no private part."""
    answer = await shop.call("GET", "/.well-known/jwks.json")
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "public, max-age=300")
    [key] = answer.body["keys"]
    assert set(key) == {"kid", "kty", "crv", "x", "alg", "use"}


async def test_a_token_expires(shop: Shop, clock: ManualClock) -> None:
    """After ten minutes the access token is refused; one remembered as verified too."""
    token = await shop.customer()
    clock.advance(599)
    assert (await shop.call("GET", "/api/users/me", token)).status == 200
    clock.advance(1)
    assert (await shop.call("GET", "/api/users/me", token)).status == 401


async def test_keys_rotate_without_signing_anybody_out(configure: Configure) -> None:
    """The old key moves to signing_key_previous: its tokens still work, new ones name the new key."""
    settings = configure()
    async with serve_service(first := create_service(settings)) as client:
        old = await Shop(client, first).customer()
    folder = settings.secrets_path
    (folder / "signing_key").rename(folder / "signing_key_previous")
    async with serve_service(second := create_service(settings)) as client:
        shop = Shop(client, second)
        new = (await shop.log_in()).body["access_token"]
        keys = (await shop.call("GET", "/.well-known/jwks.json")).body["keys"]
        assert len({key["kid"] for key in keys}) == 2
        for token in (old, new):
            assert (await shop.call("GET", "/api/users/me", token)).status == 200
    (folder / "signing_key_previous").unlink()
    async with serve_service(third := create_service(settings)) as client:
        assert (await Shop(client, third).call("GET", "/api/users/me", old)).status == 401


async def test_logins_are_throttled_by_account(configure: Configure) -> None:
    """The attempt above the limit is 429 with Retry-After within the window; other accounts go on."""
    service = create_service(configure(user_login_limit_account="3/hour"))
    async with serve_service(service) as client:
        shop = Shop(client, service)
        await shop.register()
        await shop.register("bob@example.com")
        for _ in range(3):
            assert (await shop.log_in(password="wrong")).status == 400
        refused = await shop.log_in(" ANN@example.com")
        assert (refused.status, refused.slug) == (429, "too-many-requests")
        assert 0 < int(refused.headers["Retry-After"]) <= 7200
        assert (await shop.log_in("bob@example.com")).status == 200


async def test_guesses_from_elsewhere_do_not_lock_the_owner_out(configure: Configure) -> None:
    """After 21 wrong guesses the guesser waits; the owner signs in and changes the password from another address."""
    settings = configure(user_trusted_proxies=("127.0.0.0/8",), user_login_limit_account="20/minute")
    service = create_service(settings)
    async with serve_service(service) as client:
        shop = Shop(client, service)
        token = await shop.customer()
        form = {"username": "ann@example.com", "password": "wrong"}
        guesser, owner = [{"X-Forwarded-For": f"198.51.100.{n}"} for n in (9, 10)]
        guesses = [await shop.call("POST", "/api/auth/token", data=form, headers=guesser) for _ in range(21)]
        assert [answer.status for answer in guesses] == [400] * 20 + [429]
        right = form | {"password": PASSWORD}
        assert (await shop.call("POST", "/api/auth/token", data=right, headers=guesser)).status == 429
        assert (await shop.call("POST", "/api/auth/token", data=right, headers=owner)).status == 200
        change = {"current_password": PASSWORD, "new_password": "four red kettles"}
        changed = await shop.call("PUT", "/api/users/me/password", token, json=change, headers=owner)
        assert changed.status == 204


async def test_parallel_guesses_do_not_slip_through(configure: Configure) -> None:
    """Fifty guesses at once: at most the limit is compared."""
    service = create_service(configure(user_login_limit_account="5/hour"))
    async with serve_service(service) as client:
        shop = Shop(client, service)
        await shop.register()
        answers = await asyncio.gather(*(shop.log_in(password=f"guess {n}") for n in range(50)))
        assert sorted(a.status for a in answers) == [400] * 5 + [429] * 45


async def test_an_address_is_throttled_and_proxies_are_believed_only_when_trusted(
    configure: Configure,
) -> None:
    """X-Forwarded-For of a stranger changes nothing; behind a trusted proxy it separates people."""
    limits = {"user_login_limit_address": "2/hour", "user_register_limit_address": "2/hour"}
    for trusted, statuses in (((), [400, 400, 429, 429]), (("127.0.0.0/8",), [400, 400, 400, 400])):
        service = create_service(configure(user_trusted_proxies=trusted, **limits))
        form = {"username": "x", "password": "y"}
        seen = []
        async with serve_service(service) as client:
            shop = Shop(client, service)
            for number in range(4):
                headers = {"X-Forwarded-For": f"6.6.6.6, 203.0.113.{number}"}
                answer = await shop.call("POST", "/api/auth/token", data=form, headers=headers)
                seen.append(answer.status)
        assert seen == statuses


async def test_registrations_are_throttled_by_address(configure: Configure) -> None:
    """The attempt above the limit is 429, whatever it asks for."""
    service = create_service(configure(user_register_limit_address="2/hour"))
    async with serve_service(service) as client:
        shop = Shop(client, service)
        statuses = [(await shop.register(f"{n}@example.com")).status for n in range(3)]
        assert statuses == [201, 201, 429]


async def test_a_full_queue_of_passwords_is_told_to_come_back(configure: Configure) -> None:
    """503 with Retry-After instead of memory without bound; afterwards everything works."""
    settings = configure(
        user_argon2_queue=1, user_argon2_threads=1, user_argon2_memory_kib=4096, user_argon2_time_cost=4
    )
    service = create_service(settings)
    async with serve_service(service) as client:
        shop = Shop(client, service)
        answers = await asyncio.gather(*(shop.register(f"{n}@example.com") for n in range(30)))
        refused = [a for a in answers if a.status == 503]
        assert {a.status for a in answers} == {201, 503}
        assert {(a.slug, a.headers["Retry-After"]) for a in refused} == {("too-busy", "2")}
        assert (await shop.register("late@example.com")).status == 201


async def test_real_parameters_are_the_default_and_take_their_time(configure: Configure) -> None:
    """argon2id, t=2, m=19 MiB, p=1: registering and logging in work with them; an unknown account costs alike."""
    real = {"user_argon2_time_cost": 2, "user_argon2_memory_kib": 19456}
    assert real.items() <= type(configure())().model_dump().items()
    service = create_service(configure(**real))
    async with serve_service(service) as client:
        shop = Shop(client, service)
        await shop.register()
        account = await shop.use_cases.authorise.accounts.find_account_by_email("ann@example.com")
        assert account is not None
        assert account.password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        assert (await shop.log_in()).status == 200
        known, unknown = [], []
        for _ in range(5):
            known.append(await _cost(shop, "ann@example.com"))
            unknown.append(await _cost(shop, "nobody@example.com"))
        assert 0.5 < min(known) / min(unknown) < 2


async def _cost(shop: Shop, email: str) -> float:
    """Return the processor seconds of all threads: other processes' load does not count."""
    started = time.process_time()
    assert (await shop.log_in(email, "wrong one")).status == 400
    return time.process_time() - started


async def test_logs_do_not_tell_who_it_was(configure: Configure, capfd: pytest.CaptureFixture[str]) -> None:
    """At the most talkative level no address, name, password or token is in the logs."""
    service = create_service(configure(log_level="debug"))
    async with serve_service(service) as client:
        shop = Shop(client, service)
        await shop.register("ann.secret@example.com", name="Anna Privata")
        tokens = (await shop.log_in("ann.secret@example.com")).body
        await shop.log_in("ann.secret@example.com", "wrong password")
        await shop.refresh(tokens["refresh_token"])
        await shop.call("GET", "/api/users/me", tokens["access_token"])
    out, err = capfd.readouterr()
    assert "service.started" in out + err
    private = ["ann.secret", "Privata", PASSWORD, "wrong password"]
    for text in (*private, tokens["access_token"], tokens["refresh_token"]):
        assert text not in out + err
