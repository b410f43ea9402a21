"""Access tokens that must not pass, sent through the gateway to every service."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest
from store_kit.access.tokens import ALGORITHM, TOKEN_TYPE

from tests.contract.document import operations
from tests.contract.problems import must_be_problem
from tests.contract.tokens import Mint
from tests.support.people import Person

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
ONE_OF_EACH: Final = ("/api/admin/stock", "/api/cart", "/api/orders", "/api/users/me")
"""A path of each service that reads the token; the cart's does not even need one."""


def part(content: object) -> str:
    """Return a part of a token."""
    said = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(said).rstrip(b"=").decode()


def forged(mint: Mint, subject: str, public_key: str) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a token, and the token."""
    now = int(time.time())
    fair = mint.token(subject, ("admin", "customer"))
    head, claims, signature = fair.split(".")
    stranger = Mint()
    plain = {
        "iss": "product-store",
        "aud": "product-store",
        "sub": subject,
        "roles": ["admin"],
        "exp": now + 600,
    }

    def unsigned(algorithm: object) -> str:
        return f"{part({'alg': algorithm, 'typ': TOKEN_TYPE})}.{part(plain)}."

    yield from ((f"alg {name!r}", unsigned(name)) for name in ("none", "None", "NONE", "nOnE", "", None, 0))
    yield "no signature", f"{head}.{claims}."
    yield "two parts", f"{head}.{claims}"
    yield "alg none, yet signed", f"{part({'alg': 'none', 'typ': TOKEN_TYPE})}.{claims}.{signature}"
    yield "another's key", stranger.token(subject, ("admin",))
    yield "another's key under our key id", stranger.token(subject, ("admin",), header={"kid": mint.key_id})
    for key in (public_key.encode(), base64.urlsafe_b64decode(public_key + "=")):
        message = f"{part({'alg': 'HS256', 'typ': TOKEN_TYPE, 'kid': mint.key_id})}.{part(plain)}"
        yield (
            "HMAC by the public key",
            f"{message}.{part(hmac.digest(key, message.encode(), hashlib.sha256))}",
        )
    yield "expired", mint.token(subject, exp=now - 1)
    yield "expired long ago", mint.token(subject, exp=1)
    yield "expires never", mint.token(subject, without=("exp",))
    for wrong in ("never", None, True, -1, 1e300, [now + 600]):
        yield f"exp {wrong!r}", mint.token(subject, exp=wrong)
    yield "not yet", mint.token(subject, nbf=now + 600)
    yield "another audience", mint.token(subject, aud="another-shop")
    yield "no audience", mint.token(subject, without=("aud",))
    yield "another issuer", mint.token(subject, iss="another-shop")
    yield "no issuer", mint.token(subject, without=("iss",))
    yield "nobody", mint.token(subject, without=("sub",))
    yield "no roles", mint.token(subject, without=("roles",))
    yield "a role that is no list", mint.token(subject, roles="admin")
    yield "an ID token", mint.token(subject, header={"typ": "JWT"})
    claims_of_admin = part({**plain, "sub": "01936c7e-5b7a-7c3e-9f20-3d1f0a9b4c5d"})
    yield "claims exchanged", f"{head}.{claims_of_admin}.{signature}"
    yield "signature cut", fair[:-4]
    yield "signature of another letter", fair[:-10] + ("A" if fair[-10] != "A" else "B") + fair[-9:]
    yield (
        "a critical extension",
        f"{part({'alg': ALGORITHM, 'typ': TOKEN_TYPE, 'crit': ['x']})}.{claims}.{signature}",
    )
    for text in (
        "x",
        ".",
        "..",
        "...",
        "a.b.c",
        "null.null.null",
        part(b"[" * 2000) + f".{claims}.{signature}",
    ):
        yield f"garbage {text[:20]!r}", text
    yield "endless", "a" * 10_000


async def test_no_forged_token_passes(mint: Mint, ann: Person, nobody: Person) -> None:
    """Each is 401 with a challenge, on each service, even where no token is needed; the fair one passes."""
    keys = (await nobody.ask("GET", "/.well-known/jwks.json")).expect(200)["keys"]
    for wrong, token in forged(mint, ann.id, keys[0]["x"]):
        for path in ONE_OF_EACH:
            answer = await nobody.ask("GET", path, headers={"Authorization": f"Bearer {token}"})
            assert answer.status == 401, f"{wrong} at {path}: {answer}"
            assert answer.headers["WWW-Authenticate"].startswith("Bearer"), wrong
            must_be_problem(answer, wrong)
            assert token not in answer.body.decode() or len(token) < 10, wrong
    fair = mint.headers(ann.id, ("admin", "customer"))
    for path in ONE_OF_EACH:
        (await nobody.ask("GET", path, headers=fair)).expect(200)


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "bearer x y", "Basic YTpi", "Token x", "x" * 5000]
)
async def test_no_odd_header_passes(nobody: Person, header: str) -> None:
    """A header that is no bearer token is 401, not ignored."""
    for path in ONE_OF_EACH:
        answer = await nobody.ask("GET", path, headers={"Authorization": header})
        assert answer.status == 401, f"{path}: {answer}"


async def test_every_operation_that_reads_tokens_refuses_a_bad_one(nobody: Person) -> None:
    """Wherever the document names the token, a bad one is refused before anything else is looked at."""
    for operation in await operations(nobody):
        if not operation.spec.get("security"):
            continue
        path = operation.path.format_map(
            dict.fromkeys(("product_id", "order_id", "account_id", "session_id", "name"), "x")
        )
        body: Any = {} if operation.media_type else None
        answer = await nobody.ask(operation.method, path, body, headers={"Authorization": "Bearer x"})
        assert answer.status == 401, f"{operation.id}: {answer}"
