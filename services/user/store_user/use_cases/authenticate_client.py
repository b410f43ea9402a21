"""Client credentials: a service of the shop gets a token for calling another one."""

from dataclasses import dataclass

from store_user.domain import Tokens
from store_user.ports import AccessTokens, Clients, SecurityLog
from store_user.problems import ClientRefused


@dataclass(frozen=True, slots=True)
class AuthenticateClient:
    """Check a service's secret."""

    clients: Clients
    access_tokens: AccessTokens
    security: SecurityLog

    async def __call__(self, client_id: str, client_secret: str) -> Tokens:
        """Return an access token with the role `service` and the scopes that it needs.

        Raises:
            ClientRefused: an unknown service, or another secret.
        """
        if not self.clients.knows_client(client_id, client_secret):
            self.security.record("client.refused")
            raise ClientRefused
        return Tokens(self.access_tokens.sign_for_service(client_id), self.access_tokens.lifetime_s)
