"""Where the services store their data: SQLite files in one folder, or an Apache Cassandra cluster."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlsplit

SQLITE: Final = "sqlite"
_FORM: Final = "cassandra://host1,host2:9042/?dc=datacenter1&rf=3"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster, as `STORE_DATABASE=cassandra://host1,host2:9042/?dc=datacenter1&rf=3&prefix=store_` names it."""

    hosts: tuple[str, ...]
    port: int
    datacenter: str
    replication: int
    """Copies of each row, used when a keyspace is created."""
    prefix: str
    """What precedes the service's name in the name of its keyspace."""

    @classmethod
    def parse(cls, url: str) -> "Cluster":
        """Return what a database URL says.

        Raises:
            ValueError: it is not a URL of Cassandra.
        """
        parts = urlsplit(url)
        hosts, _, port = parts.netloc.partition(":")
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if parts.scheme != "cassandra" or not hosts or not options.keys() <= {"dc", "rf", "prefix"}:
            raise ValueError(f"STORE_DATABASE must be '{SQLITE}' or of the form {_FORM}, not {url!r}")
        return cls(
            hosts=tuple(host for host in hosts.split(",") if host),
            port=int(port or 9042),
            datacenter=options.get("dc", "datacenter1"),
            replication=int(options.get("rf", "1")),
            prefix=options.get("prefix", "store_"),
        )

    def keyspace(self, service: str) -> str:
        """Return the keyspace of a service."""
        return f"{self.prefix}{service}"
