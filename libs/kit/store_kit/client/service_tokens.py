"""Our own access token, which a service shows to its peers."""

import asyncio
import time
from http import HTTPStatus
from typing import Final, Protocol

import aiohttp
import msgspec

from store_kit.client.failures import NoToken
from store_kit.settings import StoreSettings


class TokenSource(Protocol):
    """Where a service gets the token that it shows to its peers."""

    bearer: str
    """The token in hand, as the header `Authorization` shows it."""
    good_until_s: float
    """Until when (`time.monotonic`) it may be shown; 0 when there is none, or a new one for each call."""

    async def renew(self) -> None:
        """Get a token that is valid for a while.

        Raises:
            NoToken: there is none.
        """

    def forget(self, bearer: str) -> None:
        """Drop the token that a peer refused, unless it was renewed meanwhile."""


_NO_ANSWER: Final = "The user service is not reachable; try again shortly."


class _Granted(msgspec.Struct):
    access_token: str
    expires_in: float


class ServiceTokens:
    """Our own access token by OAuth2 client credentials, renewed shortly before it expires.

    Args:
        settings: where the user service is.
        client_id: our service's name.
        client_secret: our service's secret.
    """

    _EARLY_S: Final = 30.0
    _PAUSE_S: Final = 1.0

    def __init__(self, settings: StoreSettings, client_id: str, client_secret: str) -> None:
        self._settings = settings
        self._form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
        }
        self.bearer = ""
        self.good_until_s = 0.0
        self._expires_at = 0.0
        self._rest_until = 0.0
        self._renewing: asyncio.Task[None] | None = None

    async def renew(self) -> None:
        """Ask for a token, together with everybody else who needs one now.

        Raises:
            NoToken: the user service cannot be asked, and the old token has expired.
        """
        now = time.monotonic()
        if now < self._rest_until:
            # Just asked in vain: nobody waits for a silent user service again so soon.
            raise NoToken(_NO_ANSWER)
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._ask())
            # Whoever waits may be gone when it fails; then nobody asks why, and asyncio must not complain.
            self._renewing.add_done_callback(lambda task: task.cancelled() or task.exception())
        try:
            # Shared, so that a slow user service costs everybody one wait and not one after the other.
            await asyncio.shield(self._renewing)
        except NoToken as failure:
            now = time.monotonic()
            if now >= self._expires_at:
                # A refused connection cost no time, and a shop that starts listens a moment later.
                if not isinstance(failure.__cause__, aiohttp.ClientConnectorError):
                    self._rest_until = now + self._PAUSE_S
                raise
            self.good_until_s = now + self._PAUSE_S

    def forget(self, bearer: str) -> None:
        """Drop the token that a peer refused, unless it was renewed meanwhile."""
        if bearer == self.bearer:
            self.good_until_s = self._expires_at = 0.0

    async def _ask(self) -> None:
        timeout = aiohttp.ClientTimeout(total=self._settings.peer_timeout_s)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(f"{self._settings.user_url}/internal/token", data=self._form) as response,
            ):
                body = await response.read()
        except (TimeoutError, aiohttp.ClientError) as error:
            raise NoToken(_NO_ANSWER) from error
        if response.status != HTTPStatus.OK:
            raise NoToken("The user service refused this service's credentials.")
        try:
            granted = msgspec.json.decode(body, type=_Granted)
        except msgspec.DecodeError as error:
            raise NoToken("The answer of the user service cannot be read.") from error
        self.bearer = f"Bearer {granted.access_token}"
        self._expires_at = time.monotonic() + granted.expires_in
        self.good_until_s = self._expires_at - min(self._EARLY_S, granted.expires_in / 2)
