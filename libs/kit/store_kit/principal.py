"""Whom a request speaks for, in plain Python: use cases may know it."""

from dataclasses import dataclass

from store_kit.shop import ADMIN, SERVICE


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever a verified token speaks for: a user's id, or `service:<name>`."""

    subject: str
    roles: frozenset[str]
    epoch: int = 1
    """Of the account, when the token was issued: what ends access tokens raises it."""
    scopes: frozenset[str] = frozenset()
    """What a service may ask of the others; people have none."""

    @property
    def is_admin(self) -> bool:
        """Whether this is an administrator."""
        return ADMIN in self.roles

    @property
    def is_service(self) -> bool:
        """Whether this is one of the shop's own services."""
        return SERVICE in self.roles

    @property
    def client(self) -> str | None:
        """The service's name, or None for a person."""
        return self.subject.removeprefix("service:") if self.is_service else None
