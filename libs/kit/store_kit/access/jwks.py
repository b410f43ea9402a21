"""The issuer's public keys, fetched from the user service."""

from collections.abc import Mapping
from typing import Any

import aiohttp

from store_kit.access.tokens import TokenVerifier
from store_kit.problems import PeerUnavailable
from store_kit.settings import StoreSettings


def remote_verifier(settings: StoreSettings) -> TokenVerifier:
    """Return a verifier that fetches the keys of the user service when it needs them."""

    async def fetch() -> Mapping[str, Any]:
        timeout = aiohttp.ClientTimeout(total=settings.peer_timeout_s)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, raise_for_status=True) as session,
                session.get(f"{settings.user_url}/.well-known/jwks.json") as response,
            ):
                answer: Mapping[str, Any] = await response.json(content_type=None)
                return answer
        except (TimeoutError, aiohttp.ClientError, ValueError) as error:
            raise PeerUnavailable(
                "The keys of the user service cannot be fetched; try again shortly."
            ) from error

    return TokenVerifier(fetch, issuer=settings.token_issuer, audience=settings.token_audience)
