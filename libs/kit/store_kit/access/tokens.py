"""Who is asking: access tokens (RFC 9068, signed by Ed25519) verified locally, and the roles of routes."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final, cast

from cachetools import FIFOCache
from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from store_kit.http.header_fields import credentials
from store_kit.http.openapi import OPTIONAL_SCHEME, SCHEME
from store_kit.principal import Principal
from store_kit.problems import Forbidden, InvalidToken, PeerUnavailable, Unauthenticated
from store_kit.shop import ADMIN, SERVICE, Scope
from store_kit.telemetry.security_events import SecurityEvents

ALGORITHM: Final = "Ed25519"
"""EdDSA by its fully specified name (RFC 9864); the bare "EdDSA" is deprecated there."""
TOKEN_TYPE: Final = "at+jwt"  # noqa: S105 - the media type of RFC 9068, no password
_READING: Final = ("GET", "HEAD")
_MAX_ID: Final = 64
_MAX_TOKEN: Final = 4096
_CACHED_TOKENS: Final = 10_000
_JWKS_PAUSE_S: Final = 1.0
_LAST_SECOND: Final = 2**53
# Deep nesting exhausts the JSON decoder's stack; keys and parts of odd types surprise it in other ways.
_MALFORMED: Final = (JoseError, ValueError, KeyError, TypeError, AttributeError, RecursionError)


class TokenVerifier:
    """Verifies access tokens by the issuer's public keys; a verified token is remembered until it expires.

    Args:
        fetch_jwks: returns the issuer's JWK set (RFC 7517) as a dict.
        issuer: the `iss` that tokens must have.
        audience: the `aud` that tokens must have.
        now_s: the time in seconds since the epoch.
    """

    def __init__(
        self,
        fetch_jwks: Callable[[], Awaitable[Mapping[str, Any]]],
        *,
        issuer: str,
        audience: str,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._fetch_jwks = fetch_jwks
        self._issuer = issuer
        self._audience = audience
        self._now_s = now_s
        self._keys: KeySet | None = None
        self._asked_at = float("-inf")
        self._fetching: asyncio.Future[KeySet] | None = None
        self._verified: FIFOCache[str, tuple[Principal, float]] = FIFOCache(_CACHED_TOKENS)
        self._epochs: Mapping[str, int] = {}

    async def verify(self, token: str) -> Principal:
        """Return whom a token speaks for.

        Raises:
            Unauthenticated: it is malformed, forged, expired, ended, or meant for someone else.
            PeerUnavailable: the issuer's keys are not known yet and cannot be fetched.
        """
        known = self._verified.get(token)
        if known is not None and self._now_s() < known[1]:
            return known[0]
        principal, expires = _principal(
            await self._claims(token), self._issuer, self._audience, self._now_s()
        )
        if self._has_ended(principal):
            raise InvalidToken("The access token has ended; sign in again, or use the refresh token.")
        self._verified[token] = (principal, expires)
        return principal

    def follow(self, epochs: Mapping[str, int]) -> None:
        """Refuse tokens of these accounts that name an earlier epoch than this, from now on.

        A token that was verified before is forgotten here, so that verifying one again costs no second look-up.
        """
        if epochs != self._epochs:
            self._epochs = epochs
            for token in [t for t, v in self._verified.items() if self._has_ended(v[0])]:
                del self._verified[token]

    def _has_ended(self, principal: Principal) -> bool:
        return principal.epoch < self._epochs.get(principal.subject, 0)

    async def _claims(self, token: str) -> dict[str, Any]:
        if len(token) > _MAX_TOKEN:
            raise InvalidToken("The access token is too long.")
        keys = self._keys or await self._fetch()
        try:
            return _decode(token, keys)
        except InvalidKeyIdError:
            # The key may be newer than our copy of the set.
            return _decode_fairly(token, await self._newer(keys))
        except _MALFORMED:
            raise _invalid() from None

    async def _newer(self, known: KeySet) -> KeySet:
        """Return the key set of now; forged tokens cannot make this service ask for it all the time."""
        if self._keys is not None and self._keys is not known:
            return self._keys
        if time.monotonic() - self._asked_at < _JWKS_PAUSE_S and self._fetching is None:
            raise _invalid()
        try:
            return await self._fetch()
        except PeerUnavailable:
            raise _invalid() from None

    async def _fetch(self) -> KeySet:
        """Ask for the key set; everybody who needs it at this moment shares one request."""
        if self._fetching is None:
            self._asked_at = time.monotonic()
            self._fetching = asyncio.ensure_future(self._load())
            self._fetching.add_done_callback(self._fetched)
        return await asyncio.shield(self._fetching)

    async def _load(self) -> KeySet:
        answer = await self._fetch_jwks()
        try:
            return KeySet.import_key_set(cast("Any", answer))
        except _MALFORMED as error:
            raise PeerUnavailable("The keys of the user service cannot be read.") from error

    def _fetched(self, fetching: "asyncio.Future[KeySet]") -> None:
        self._fetching = None
        if not fetching.cancelled() and fetching.exception() is None:
            self._keys = fetching.result()


def _decode_fairly(token: str, keys: KeySet) -> dict[str, Any]:
    try:
        return _decode(token, keys)
    except _MALFORMED:
        raise _invalid() from None


def _decode(token: str, keys: KeySet) -> dict[str, Any]:
    decoded = jwt.decode(token, keys, algorithms=[ALGORITHM])
    if str(decoded.header.get("typ", "")).lower().removeprefix("application/") != TOKEN_TYPE:
        raise ValueError("not an access token")
    return dict(decoded.claims)


def _principal(
    claims: Mapping[str, Any], issuer: str, audience: str, now_s: float
) -> tuple[Principal, float]:
    subject, roles = claims.get("sub"), claims.get("roles")
    audiences = claims.get("aud")
    if claims.get("iss") != issuer or (audiences != audience and audience not in _as_list(audiences)):
        raise _invalid()
    if (
        not isinstance(subject, str)
        or not subject
        or not isinstance(roles, list)
        or not all(isinstance(r, str) for r in roles)
    ):
        raise _invalid()
    expires, not_before = _time(claims.get("exp")), _time(claims.get("nbf", 0))
    if expires <= now_s:
        raise InvalidToken("The access token has expired; get a new one.")
    if not_before > now_s:
        raise _invalid()
    return Principal(subject, frozenset(roles), _epoch(claims), _scopes(claims)), expires


def _epoch(claims: Mapping[str, Any]) -> int:
    """Return the account's epoch; tokens of services, and those from before there were epochs, name none."""
    epoch = claims.get("epoch", 1)
    if isinstance(epoch, bool) or not isinstance(epoch, int):
        raise _invalid()
    return epoch


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    scope = claims.get("scope", "")
    if not isinstance(scope, str):
        raise _invalid()
    return frozenset(scope.split())


def _time(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LAST_SECOND:
        raise _invalid()
    return float(value)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _invalid() -> InvalidToken:
    return InvalidToken("The access token is not valid; get a new one.")


class _Bearer(OAuth2PasswordBearer):
    """Reads and verifies the bearer token; documented as OAuth2, so that Swagger's Authorize works."""

    def __init__(self) -> None:
        super().__init__(tokenUrl="/api/auth/token", refreshUrl="/api/auth/token", auto_error=False)
        self.scheme_name = SCHEME

    async def principal(self, request: Request) -> Principal | None:
        """Return whom the request's token speaks for; None without a token."""
        header = request.headers.get("authorization")
        if header is None:
            return None
        token = credentials(header, "bearer")
        if token is None:
            raise Unauthenticated("Send the access token as 'Authorization: Bearer <token>'.")
        verifier: TokenVerifier = request.app.state.verifier
        try:
            return await verifier.verify(token)
        except Unauthenticated:
            _security(request).record("token.refused")
            raise


def _security(request: Request) -> SecurityEvents:
    return cast("SecurityEvents", request.app.state.security)


def _refuse(request: Request, principal: Principal, why: str) -> Forbidden:
    """Tell that somebody asked for more than they may, and return what to answer."""
    _security(request).record("access.refused", subject=principal.subject, path=_route(request))
    return Forbidden(why)


def _route(request: Request) -> str:
    """Return the route's template: a path may be as long as somebody likes."""
    return str(getattr(request.scope.get("route"), "path", ""))


class _Optional(_Bearer):
    def __init__(self) -> None:
        super().__init__()
        self.scheme_name = OPTIONAL_SCHEME

    async def __call__(self, request: Request) -> Principal | None:  # type: ignore[override]  # a principal, not the text
        """Return whom the request speaks for; None for an anonymous one."""
        return await self.principal(request)


class _Signed(_Bearer):
    async def __call__(self, request: Request) -> Principal:  # type: ignore[override]  # a principal, not the text
        """Return the person who asks; services act for nobody and are refused."""
        principal = await self.principal(request)
        if principal is None:
            raise Unauthenticated("Sign in first: POST /api/auth/token.")
        if principal.is_service:
            raise _refuse(request, principal, "A service acts for no customer; sign in as a person.")
        return principal


class _Administrator(_Bearer):
    async def __call__(self, request: Request) -> Principal:  # type: ignore[override]  # a principal, not the text
        """Return the administrator who asks; who changes something is told of (ASVS 5.0, 16.3)."""
        principal = await self.principal(request)
        if principal is None:
            raise Unauthenticated("Sign in first: POST /api/auth/token.")
        if not principal.is_admin:
            raise _refuse(request, principal, f"This needs the role '{ADMIN}'.")
        if request.method not in _READING:
            ids = {name: str(value)[:_MAX_ID] for name, value in request.path_params.items()}
            route = f"{request.method} {_route(request)}"
            _security(request).record("admin.requested", actor=principal.subject, route=route, **ids)
        return principal


class WithScope(_Bearer):
    """Lets a service of the shop pass whose token has a scope (least privilege)."""

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self._scope = scope

    async def __call__(self, request: Request) -> Principal:  # type: ignore[override]  # a principal, not the text
        """Return the service that asks."""
        principal = await self.principal(request)
        if principal is None:
            raise Unauthenticated("A service of the shop asks here, with its token.")
        if not principal.is_service:
            raise _refuse(request, principal, f"This needs the role '{SERVICE}'.")
        if self._scope not in principal.scopes:
            problem = _refuse(request, principal, f"This needs the scope '{self._scope}'.")
            problem.headers["WWW-Authenticate"] = f'Bearer error="insufficient_scope", scope="{self._scope}"'
            raise problem
        return principal


CurrentUser = Annotated[Principal, Depends(_Signed())]
"""A signed-in person: 401 for anonymous requests, 403 for services."""
OptionalUser = Annotated[Principal | None, Depends(_Optional())]
"""A signed-in person or None; a bad token is 401 all the same."""
Admin = Annotated[Principal, Depends(_Administrator())]
"""An administrator: 401 for anonymous requests, 403 for everybody else."""
MayReserveStock = Annotated[Principal, Depends(WithScope(Scope.STOCK))]
"""A service of the shop with that scope, as with all below: 401 for anonymous requests, 403 for everybody else."""
MayLookUpProducts = Annotated[Principal, Depends(WithScope(Scope.PRODUCTS))]
MayReadCarts = Annotated[Principal, Depends(WithScope(Scope.CARTS_READ))]
MayOrderCarts = Annotated[Principal, Depends(WithScope(Scope.CARTS_ORDER))]
MayForgetCarts = Annotated[Principal, Depends(WithScope(Scope.CARTS_FORGET))]
MayReadOrders = Annotated[Principal, Depends(WithScope(Scope.ORDERS_READ))]
MayNotify = Annotated[Principal, Depends(WithScope(Scope.NOTIFY))]
MayFollowRevocations = Annotated[Principal, Depends(WithScope(Scope.REVOCATIONS))]
