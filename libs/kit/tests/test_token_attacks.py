"""Attacks on access tokens: each is answered 401, whatever was forged, and none reaches the issuer for long."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey
from store_kit.access.tokens import ALGORITHM, TOKEN_TYPE, TokenVerifier
from store_kit.principal import Principal
from store_kit.problems import PeerUnavailable, Unauthenticated
from store_kit.settings import StoreSettings

from tests.support.services import TestIssuer

pytestmark = pytest.mark.anyio
SETTINGS = StoreSettings()
ISSUER = TestIssuer(SETTINGS)
HEADER: dict[str, Any] = {"alg": ALGORITHM, "typ": TOKEN_TYPE, "kid": "test"}
PUBLIC = str(ISSUER._key.as_dict(private=False)["x"])


class Keys:
    """The issuer's key set, with a count of who asked and a way to break."""

    def __init__(self) -> None:
        self.asked = 0
        self.broken = False
        self.key = ISSUER._key

    async def fetch(self) -> Mapping[str, Any]:
        self.asked += 1
        await asyncio.sleep(0)
        if self.broken:
            raise PeerUnavailable
        return dict(KeySet([self.key]).as_dict(private=False))

    def verifier(self, now_s: float | None = None) -> TokenVerifier:
        return TokenVerifier(
            self.fetch,
            issuer=SETTINGS.token_issuer,
            audience=SETTINGS.token_audience,
            now_s=lambda: time.time() if now_s is None else now_s,
        )


def part(content: object) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    fair = {"iss": "product-store", "aud": "product-store", "sub": "ann", "roles": ["customer"]}
    return fair | {"iat": now, "exp": now + 300, "jti": "1"} | changes


def signed(header: Mapping[str, object], payload: bytes) -> str:
    """Return a token rightly signed by the issuer, whatever it says."""
    message = f"{part(header)}.{part(payload)}"
    secret = str(ISSUER._key.as_dict(private=True)["d"])
    private = Ed25519PrivateKey.from_private_bytes(base64.urlsafe_b64decode(secret + "="))
    return f"{message}.{part(private.sign(message.encode()))}"


async def refused(token: str, verifier: TokenVerifier | None = None) -> None:
    with pytest.raises(Unauthenticated):
        await (verifier or ISSUER.verifier()).verify(token)


async def test_the_fair_token_passes() -> None:
    """The attacks below differ from this one in one thing each."""
    principal = await ISSUER.verifier().verify(ISSUER.token("ann", jti="1"))
    assert (principal.subject, principal.roles) == ("ann", frozenset({"customer"}))


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", ""])
async def test_no_algorithm_is_no_signature(algorithm: str) -> None:
    """`alg: none` is refused in every spelling, with and without something in the place of the signature."""
    for signature in ("", part(b"x"), ISSUER.token("ann").rpartition(".")[2]):
        await refused(f"{part(HEADER | {'alg': algorithm})}.{part(claims(roles=['admin']))}.{signature}")


async def test_the_public_key_is_no_shared_secret() -> None:
    """HS256 over the public key, in each of its public forms, is refused."""
    public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(PUBLIC + "="))
    forms = [
        public.public_bytes(Encoding.Raw, PublicFormat.Raw),
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        PUBLIC.encode(),
    ]
    for form in forms:
        message = f"{part(HEADER | {'alg': 'HS256'})}.{part(claims(roles=['admin']))}"
        await refused(f"{message}.{part(hmac.digest(form, message.encode(), hashlib.sha256))}")


async def test_a_key_of_ones_own_is_refused() -> None:
    """Under the right name, under another, and brought along in the header (`jwk`)."""
    mine = OKPKey.generate_key("Ed25519", private=True)
    for header in (HEADER, HEADER | {"kid": "other"}, {k: v for k, v in HEADER.items() if k != "kid"}):
        await refused(jwt.encode(header, claims(), mine, [ALGORITHM]))
    brought = part(HEADER | {"jwk": mine.as_dict(private=False)})
    await refused(f"{brought}.{part(claims())}.{part(b'x' * 64)}")


async def test_a_signature_covers_every_part() -> None:
    """Claims or header of another token do not fit a signature."""
    header, body, signature = ISSUER.token("ann").split(".")
    await refused(f"{header}.{part(claims(roles=['admin']))}.{signature}")
    await refused(f"{part(HEADER | {'x': 1})}.{body}.{signature}")
    await refused(f"{header}.{body}.{signature[:-4]}AAAA")
    await refused(f"{header}.{body}")
    await refused(f"{header}.{body}.{signature}.{signature}")


@pytest.mark.parametrize("kid", ["other", "../../etc/passwd", "'; DROP TABLE keys", "", None, 1, [], {}])
async def test_a_wrong_key_id_is_refused(kid: object) -> None:
    """A name that is not in the key set, or no name at all, is a refusal and nothing else."""
    message = f"{part(HEADER | {'kid': kid})}.{part(claims())}"
    await refused(f"{message}.{ISSUER.token('ann').rpartition('.')[2]}")


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "someone-else"},
        {"iss": None},
        {"iss": ["product-store"]},
        {"aud": "other-shop"},
        {"aud": ["other-shop"]},
        {"aud": None},
        {"aud": {"product-store": True}},
        {"exp": 1},
        {"exp": True},
        {"exp": "9999999999"},
        {"exp": None},
        {"exp": [9999999999]},
        {"exp": float("nan")},
        {"exp": 10**400},
        {"nbf": 9999999999},
        {"nbf": True},
        {"nbf": "0"},
        {"nbf": float("nan")},
        {"sub": None},
        {"sub": ""},
        {"sub": 1},
        {"roles": "admin"},
        {"roles": {"admin": True}},
        {"roles": [["admin"]]},
        {"roles": None},
    ],
)
async def test_claims_that_do_not_fit_are_refused(changes: dict[str, object]) -> None:
    """Even rightly signed: wrong issuer, audience, times or types."""
    await refused(jwt.encode(HEADER, claims(**changes), ISSUER._key, [ALGORITHM]))


@pytest.mark.parametrize("kind", ["JWT", "at+jwt+x", "", None, 5])
async def test_another_kind_of_token_is_refused(kind: object) -> None:
    """A token that the issuer signed for another purpose is no access token."""
    header = {name: value for name, value in (HEADER | {"typ": kind}).items() if value is not None}
    await refused(signed(header, json.dumps(claims()).encode()))


@pytest.mark.parametrize("kind", ["at+jwt", "application/at+jwt", "Application/AT+JWT"])
async def test_an_access_token_may_name_its_kind_in_full(kind: str) -> None:
    """With the prefix that may be left out, in any case (RFC 9068, 4; RFC 7515, 4.1.9)."""
    token = signed(HEADER | {"typ": kind}, json.dumps(claims()).encode())
    assert (await Keys().verifier().verify(token)).subject == claims()["sub"]


async def test_huge_and_deep_tokens_are_refused_cheaply() -> None:
    """Size is checked before anything is decoded; nesting cannot exhaust the stack."""
    await refused("a" * 5000)
    await refused("." * 4000)
    deep = b'{"alg":"Ed25519","kid":' + b"[" * 1400 + b"]" * 1400 + b"}"
    await refused(f"{part(deep)}.{part(b'{}')}.{part(b'x')}")
    await refused(signed(HEADER, b"[" * 1300 + b"]" * 1300))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
HEADERS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("kid", "typ", "crit", "b64", "jku", "x5c", "jwk"), JSON)
    | {"alg": st.sampled_from([ALGORITHM, "EdDSA", "none", "HS256"]) | JSON},
)


@given(st.text(max_size=60) | st.lists(HEADERS | JSON, min_size=1, max_size=4))
async def test_garbage_is_refused_and_never_an_error_of_ours(garbage: str | list[object]) -> None:
    """Any text, and any JSON in the three places, is answered 401."""
    token = garbage if isinstance(garbage, str) else ".".join(part(one) for one in garbage)
    await refused(token)


async def test_a_token_remembered_as_good_is_forgotten_when_it_expires() -> None:
    """The memory of verified tokens does not outlive them."""
    moment = time.time()
    verifier = TokenVerifier(
        ISSUER.jwks, issuer="product-store", audience="product-store", now_s=lambda: moment
    )
    token = ISSUER.token("ann", exp=int(moment) + 60)
    await verifier.verify(token)
    moment += 59
    await verifier.verify(token)
    moment += 2
    await refused(token, verifier)


async def test_the_memory_of_good_tokens_is_bounded() -> None:
    """Full, it drops what it has known for longest; a forgotten token is simply verified again."""
    verifier, ann = ISSUER.verifier(), Principal("ann", frozenset())
    for number in range(10_000):
        verifier._verified[str(number)] = (ann, time.time() + 300)
    await verifier.verify(ISSUER.token("ann"))
    assert len(verifier._verified) == 10_000
    assert "0" not in verifier._verified


@pytest.mark.parametrize("answer", [{}, {"keys": None}, {"keys": [5]}, {"keys": [{"kty": "OKP"}]}, []])
async def test_a_key_set_that_cannot_be_read_is_no_key_set(answer: Any) -> None:
    """Whatever answers in place of the user service, the caller hears that there are no keys."""

    async def fetch() -> Any:
        return answer

    verifier = TokenVerifier(fetch, issuer="product-store", audience="product-store")
    with pytest.raises(PeerUnavailable):
        await verifier.verify(ISSUER.token("ann"))


async def test_a_new_key_is_learned_and_an_old_one_forgotten() -> None:
    """After a rotation tokens of the new key pass; those of a key that is gone do not."""
    keys = Keys()
    verifier = keys.verifier()
    old = ISSUER.token("ann")
    await verifier.verify(old)
    keys.key = OKPKey.generate_key("Ed25519", {"kid": "next"}, private=True)
    verifier._asked_at = float("-inf")  # the pause between two looks has passed
    await verifier.verify(jwt.encode(HEADER | {"kid": "next"}, claims(), keys.key, [ALGORITHM]))
    await refused(ISSUER.token("bob"), verifier)


async def test_forged_tokens_do_not_flood_the_issuer() -> None:
    """A hundred forged tokens at once cost one look at the keys at most."""
    keys = Keys()
    verifier = keys.verifier()
    await verifier.verify(ISSUER.token("ann"))
    verifier._asked_at = float("-inf")
    forged = [f"{part(HEADER | {'kid': str(n)})}.{part(claims())}.{part(b'x' * 64)}" for n in range(100)]
    await asyncio.gather(*(refused(token, verifier) for token in forged))
    assert keys.asked <= 2


async def test_a_hundred_first_tokens_fetch_the_keys_once() -> None:
    """A service that has just started asks for the keys once, however many requests wait."""
    keys = Keys()
    verifier = keys.verifier()
    await asyncio.gather(*(verifier.verify(ISSUER.token(f"user{n}")) for n in range(100)))
    assert keys.asked == 1


async def test_a_forged_token_is_refused_while_the_issuer_is_away() -> None:
    """With keys at hand a bad token is 401 and a good one passes, issuer or not; without keys it is 503."""
    keys = Keys()
    verifier = keys.verifier()
    await verifier.verify(ISSUER.token("ann"))
    keys.broken = True
    verifier._asked_at = float("-inf")
    unknown = f"{part(HEADER | {'kid': 'x'})}.{part(claims())}.{part(b'x' * 64)}"
    for _ in range(3):
        await refused(unknown, verifier)
    await verifier.verify(ISSUER.token("bob"))
    assert keys.asked == 2
    with pytest.raises(PeerUnavailable):
        await keys.verifier().verify(ISSUER.token("ann"))
