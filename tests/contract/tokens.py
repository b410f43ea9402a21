"""Access tokens as the shop makes them, and as somebody who attacks it would."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from joserfc import jwt
from joserfc.jwk import OKPKey
from store_kit.access.tokens import ALGORITHM, TOKEN_TYPE
from store_kit.shop import SERVICE, Scope


class Mint:
    """Signs tokens by an Ed25519 private key (PEM), or by a new one that nobody trusts."""

    def __init__(self, pem: bytes | None = None) -> None:
        key = OKPKey.import_key(pem) if pem else OKPKey.generate_key("Ed25519")
        self.key_id = key.thumbprint()
        self._key = OKPKey.import_key(key.as_dict(private=True), {"kid": self.key_id})

    def token(
        self,
        subject: str,
        roles: Sequence[str] = ("customer",),
        *,
        header: Mapping[str, Any] | None = None,
        without: Sequence[str] = (),
        **claims: Any,
    ) -> str:
        """Return a token that lasts an hour; `claims` replace its claims, `without` leaves some out."""
        now = int(time.time())
        content = {
            "iss": "product-store",
            "aud": "product-store",
            "sub": subject,
            "roles": roles if isinstance(roles, str) else list(roles),
            "iat": now,
            "exp": now + 3600,
            **({"scope": " ".join(Scope)} if SERVICE in roles else {}),
        } | claims
        sent = {"alg": ALGORITHM, "typ": TOKEN_TYPE, "kid": self.key_id, **(header or {})}
        kept = {name: value for name, value in content.items() if name not in without}
        return jwt.encode(sent, kept, self._key, [str(sent["alg"])])

    def headers(self, subject: str, roles: Sequence[str] = ("customer",), **more: Any) -> dict[str, str]:
        """Return the Authorization header of such a token."""
        return {"Authorization": f"Bearer {self.token(subject, roles, **more)}"}
