"""Settings that every service has: environment variables `STORE_*`, defaults for the embedded shop."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from store_kit.refusals import Refusal
from store_kit.shop import CURRENCY, ISSUER, MOST_ORDER_LINES, URLS
from store_kit.stores.database import SQLITE, Cluster

Network = IPv4Network | IPv6Network
TrustedProxies = tuple[Annotated[Network, BeforeValidator(lambda text: ip_network(str(text)))], ...]
"""Networks (CIDR) of proxies whose word about a client's address is believed, e.g. `["10.0.0.0/8"]`."""
ForwardedBy = Literal["x-forwarded-for", "forwarded"]
"""The header in which trusted proxies write whom they speak for; the other one is the client's own word."""
_MOST: Final = 1_000_000_000
"""In seconds 31 years; in bytes a gigabyte."""
_ORIGIN: Final = re.compile(r"https?://[a-z0-9.\[\]:-]+")
"""As browsers write it (RFC 6454, 6.2): in lower case, without a slash behind it."""


class ServiceUrlWithoutPort(Refusal):
    """A service cannot tell from its own URL where to listen."""


class StoreSettings(BaseSettings):
    """What all services need to know; each service adds its own in a subclass."""

    model_config = SettingsConfigDict(env_prefix="STORE_", extra="ignore", frozen=True, allow_inf_nan=False)

    environment: Literal["embedded", "production"] = "embedded"
    """Embedded makes the secrets it lacks; production refuses to start without them."""
    data_dir: Path = Path(".store")
    secrets_dir: Path | None = None
    """Where secret files are; `data_dir/secrets` when unset."""
    host: str = "127.0.0.1"
    """Address to listen on. The addresses of other services are set by the URLs below."""
    currency: str = Field(default=CURRENCY, pattern=r"^[A-Z]{3}$")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "console"] = "auto"

    catalog_url: str = URLS["catalog"]
    cart_url: str = URLS["cart"]
    order_url: str = URLS["order"]
    user_url: str = URLS["user"]

    database: str = SQLITE
    """`sqlite`, or a cluster: `cassandra://host1,host2:9042/?dc=datacenter1&rf=3`."""
    database_username: str | None = None
    """Who we are to the cluster; the password is the secret `database_password`."""
    database_ca_file: Path | None = None
    """Speak TLS with the cluster and trust only this authority's certificates."""
    database_timeout_s: float = Field(default=1.8, gt=0)
    """The longest wait for one answer of the cluster; below `peer_timeout_s`, so that our caller still waits then."""
    migrate_at_start: bool | None = None
    """Whether a service brings the schema up to date by itself; unset: the embedded shop does."""
    begin_anew: str = ""
    """Databases that may begin empty although the shop has had them, e.g. `cart,orders`; for one start."""
    sqlite_synchronous: Literal["FULL", "NORMAL"] = "FULL"
    """FULL survives power loss; NORMAL survives a killed process only."""

    token_issuer: str = ISSUER
    token_audience: str = ISSUER

    revocations_every_s: float = Field(default=2.0, gt=0, le=5)
    """How often a service asks which access tokens have ended; so long one that ended may still be accepted."""

    request_timeout_s: float = Field(default=10.0, gt=0)
    """The time budget of a request that names none."""
    peer_timeout_s: float = Field(default=2.0, gt=0)
    """The longest wait for one answer of another service."""
    peer_attempts: int = Field(default=3, ge=1)
    breaker_threshold: int = Field(default=5, ge=1)
    """Failures in a row that open the circuit to a peer."""
    breaker_ttl_s: float = Field(default=2.0, gt=0)
    """How long an open circuit rests before one call may try again."""
    drain_timeout_s: float = Field(default=10.0, gt=0)
    cors_origins: tuple[str, ...] = ()
    """Origins whose web pages may call the shop, e.g. `["https://shop.example"]`; none by default."""
    max_body_bytes: int = Field(default=1024 * 1024, ge=1024)
    max_order_lines: int = Field(default=MOST_ORDER_LINES, ge=1, le=MOST_ORDER_LINES)
    """Different products in a cart, and so in an order; the same for every service."""
    max_head_bytes: int = Field(default=64 * 1024, ge=1024)
    """The longest head of a request: its first line and all header fields."""
    max_head_fields: int = Field(default=100, ge=10)
    head_timeout_s: float = Field(default=10.0, gt=0)
    """How long a client may take to send the head of a request."""
    max_connections: int = Field(default=4096, ge=1)
    """Open connections of a listener; never more than the system's limit of open files leaves room for."""
    max_requests: int = Field(default=128, ge=1)
    """Requests in hand of people who enter at a port; what services ask each other is not counted."""

    @property
    def secrets_path(self) -> Path:
        """The folder of secret files."""
        return self.secrets_dir or self.data_dir / "secrets"

    @property
    def cluster(self) -> Cluster | None:
        """The Cassandra cluster that keeps the truth; None: SQLite does."""
        return None if self.database == SQLITE else Cluster.parse(self.database)

    @property
    def begins_anew(self) -> frozenset[str]:
        """The names of the databases that may begin empty where they are missed."""
        return frozenset(name.strip() for name in self.begin_anew.split(",") if name.strip())

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"{origin!r} is no origin: write scheme, host and port, https://shop.example:8443"
                )
        return value

    @field_validator("database")
    @classmethod
    def _names_a_database(cls, value: str) -> str:
        if value != SQLITE:
            Cluster.parse(value)
        return value

    @field_validator("*")
    @classmethod
    def _can_be_meant(cls, value: Any) -> Any:
        """Refuse numbers that no clock, disk or machine has; each setting may have narrower bounds of its own."""
        if isinstance(value, int | float) and abs(value) > _MOST:
            raise ValueError(f"nobody means more than {_MOST}")
        return value

    def url_of(self, service: str) -> str:
        """Return where a service is called."""
        urls = {
            "catalog": self.catalog_url,
            "cart": self.cart_url,
            "order": self.order_url,
            "user": self.user_url,
        }
        return urls[service]

    def port_of(self, service: str) -> int:
        """Return the port a service listens on: that of its own URL.

        Raises:
            ServiceUrlWithoutPort: it names none.
        """
        try:
            port = urlsplit(self.url_of(service)).port
        except ValueError:
            port = None
        if port is None:
            raise ServiceUrlWithoutPort(f"STORE_{service.upper()}_URL must name the port to listen on.")
        return port

    def host_of(self, service: str) -> str:
        """Return the host at which a service is called: that of its URL.

        Raises:
            ServiceUrlWithoutPort: it names none.
        """
        host = urlsplit(self.url_of(service)).hostname
        if host is None:
            raise ServiceUrlWithoutPort(f"STORE_{service.upper()}_URL must be a URL: http://HOST:PORT.")
        return host

    @property
    def embedded(self) -> bool:
        """Whether this is the demo in one process, which makes its own secrets."""
        return self.environment == "embedded"
