"""Access tokens signed by Ed25519, refresh tokens derived by HMAC, and the secrets of the services."""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Any, Final

from joserfc import jwt
from joserfc.jwk import Key, KeySet, OKPKey
from store_kit.access.tokens import ALGORITHM, TOKEN_TYPE
from store_kit.clock import Clock
from store_kit.ids import new_id
from store_kit.secrets import Secrets, UnusableSecret
from store_kit.shop import SCOPES, SERVICE

from store_user.domain import Account, RefreshToken
from store_user.settings import UserSettings

_OWN_CLIENT: Final = "product-store"
"""The `client_id` (RFC 9068, 2.2) of people's tokens: they sign in to the shop itself, no client is registered."""
_MAX_GENERATION_DIGITS: Final = 12


class SignedAccessTokens:
    """The port `AccessTokens`: JWTs as in RFC 9068.

    Args:
        settings: issuer, audience, lifetime.
        signing_key: the Ed25519 private key (PEM) that signs.
        previous_key: the key before it; its tokens are still valid, but it signs no new ones.
        clock: the time of issue.
    """

    def __init__(
        self, settings: UserSettings, *, signing_key: bytes, previous_key: str | None, clock: Clock
    ) -> None:
        self.lifetime_s = settings.user_access_lifetime_s
        self._issuer = settings.token_issuer
        self._audience = settings.token_audience
        self._clock = clock
        self._key = _import("signing_key", signing_key)
        self._header = {"alg": ALGORITHM, "typ": TOKEN_TYPE, "kid": self._key.kid}
        keys: list[Key] = [
            self._key,
            *([_import("signing_key_previous", previous_key)] if previous_key else []),
        ]
        self._jwks = dict(KeySet(keys).as_dict(private=False))

    def sign_for_account(self, account: Account) -> str:
        """Return a signed token of a person, who signed in here by password or refresh token."""
        claims = {"roles": sorted(account.roles), "epoch": account.epoch}
        return self._sign(account.id, _OWN_CLIENT, claims)

    def sign_for_service(self, name: str) -> str:
        """Return a signed token of a service."""
        scope = " ".join(sorted(SCOPES[name]))
        return self._sign(f"service:{name}", name, {"roles": [SERVICE], "scope": scope})

    def _sign(self, subject: str, client_id: str, claims: dict[str, Any]) -> str:
        now = self._clock.now_ms() // 1000
        standard: dict[str, Any] = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": subject,
            "client_id": client_id,
            "iat": now,
            "exp": now + self.lifetime_s,
            "jti": new_id(),
        }
        return jwt.encode(self._header, standard | claims, self._key, [ALGORITHM])

    def jwks(self) -> Mapping[str, Any]:
        """Return the public keys (RFC 7517): the present one first."""
        return self._jwks


def _import(name: str, pem: bytes | str) -> OKPKey:
    """Read a key; its id is its thumbprint (RFC 7638), the same on every replica.

    Raises:
        UnusableSecret: it is not such a key.
    """
    try:
        bare = OKPKey.import_key(pem)
    except ValueError:
        bare = None  # not chained: the library's error may show what it was given
    if bare is None or bare.curve_name != "Ed25519" or not bare.is_private:
        raise UnusableSecret(name, "it must be an Ed25519 private key in PEM")
    return OKPKey.import_key(pem, {"kid": bare.thumbprint(), "use": "sig", "alg": ALGORITHM})


class DerivedRefreshTokens:
    """The port `RefreshTokens`: `<session>.<generation>.<HMAC of both>`, so that nothing secret is stored."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def write_token(self, token: RefreshToken) -> str:
        """Return the text of a token."""
        said = f"{token.session_id}.{token.generation}"
        return f"{said}.{self._sign(said)}"

    def read_token(self, text: str) -> RefreshToken | None:
        """Return what a token says, None when it is not ours."""
        said, _, signature = text.rpartition(".")
        session_id, _, generation = said.rpartition(".")
        if not _is_number(generation):
            return None
        given = signature.encode(errors="surrogatepass")
        if not hmac.compare_digest(given, self._sign(said).encode()):
            return None
        return RefreshToken(session_id, int(generation))

    def _sign(self, said: str) -> str:
        message = b"refresh\0" + said.encode(errors="surrogatepass")
        digest = hmac.digest(self._key, message, hashlib.sha256)
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _MAX_GENERATION_DIGITS


class SecretClients:
    """The port `Clients`: one secret per service, `service_secret_<name>`.

    Args:
        secrets: where they are.
        names: the services; none for the command line, which lets no client in and need not have their secrets.
    """

    def __init__(self, secrets: Secrets, names: Iterable[str]) -> None:
        self._secrets = {name: secrets.text(f"service_secret_{name}").encode() for name in names}

    def knows_client(self, client_id: str, client_secret: str) -> bool:
        """Compare in constant time."""
        secret = self._secrets.get(client_id, b"")
        given = client_secret.encode(errors="surrogatepass")
        return hmac.compare_digest(secret, given) and bool(secret)


class OwnToken:
    """The kit's `TokenSource` for the service that signs tokens itself: no call, no cache to go stale."""

    def __init__(self, access_tokens: SignedAccessTokens) -> None:
        self._access_tokens = access_tokens
        self.bearer = ""
        self.good_until_s = 0.0

    async def renew(self) -> None:
        """Sign a new token of `service:user`."""
        self.bearer = f"Bearer {self._access_tokens.sign_for_service('user')}"

    def forget(self, _bearer: str) -> None:
        """Do nothing: no token is cached."""
