"""Client credentials: a service of the shop gets a token for calling another one."""

from dataclasses import dataclass

from store_user.domain import ClientRefused, Tokens
from store_user.ports import AccessTokens, Clients


@dataclass(frozen=True, slots=True)
class AuthenticateClient:
    """Check a service's secret."""

    clients: Clients
    access_tokens: AccessTokens

    async def __call__(self, client_id: str, client_secret: str) -> Tokens:
        """Return an access token with the role `service` and nothing else.

        Raises:
            ClientRefused: an unknown service, or another secret.
        """
        if not self.clients.knows(client_id, client_secret):
            raise ClientRefused
        token = self.access_tokens.issue(f"service:{client_id}", ["service"])
        return Tokens(token, self.access_tokens.lifetime_s)
