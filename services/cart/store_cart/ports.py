"""What the use cases need from outside."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from store_cart.domain import (
    Cart,
    CartSize,
    CartSummary,
    Line,
    LineChange,
    MergeReport,
    Operation,
    Ordered,
    Owner,
    Product,
    Shown,
    View,
)


class CartStore(Protocol):
    """Carts of users and guests. Every change is atomic, and durable once it returns.

    A guest's cart that was merged takes no more lines: writing to it raises CartMerged.
    """

    async def read(self, owner: Owner) -> Cart:
        """Return the cart, its lines and version of one moment; an empty one when there is none."""
        ...

    async def line(self, owner: Owner, product_id: str) -> Line | None:
        """Return one line of a cart, or None."""
        ...

    async def add(
        self, owner: Owner, line: Line, operation: Operation, if_version: Collection[int] | None = None
    ) -> LineChange:
        """Add the line's quantity to what is there; commutes with other adds; an operation counts once.

        Raises:
            KeyReused: the operation came before with another fingerprint.
            PreconditionFailed: the cart's version is none of `if_version`.
            QuantityLimit, CartFull, CartMerged: it does not fit.
        """
        ...

    async def put(self, owner: Owner, line: Line, if_version: Collection[int] | None = None) -> LineChange:
        """Set a line's quantity and the price shown; a new line is made, an old one keeps its price when added.

        Raises:
            PreconditionFailed: the cart's version is none of `if_version`.
            QuantityLimit, CartFull, CartMerged: it does not fit.
        """
        ...

    async def remove(
        self, owner: Owner, product_id: str, at_ms: int, if_version: Collection[int] | None = None
    ) -> LineChange:
        """Take a line out; nothing changes when it is not there.

        Raises:
            PreconditionFailed: the cart's version is none of `if_version`.
        """
        ...

    async def show(self, owner: Owner, shown: Sequence[Shown]) -> None:
        """Keep which prices the shopper is shown; the cart stays at its version. Lines that went are passed over."""
        ...

    async def replace(
        self, owner: Owner, lines: Sequence[Line], at_ms: int, if_version: Collection[int] | None = None
    ) -> CartSize:
        """Make these the cart's only lines; lines that stay keep their price when added.

        Raises:
            PreconditionFailed: the cart's version is none of `if_version`.
            QuantityLimit, CartFull, CartMerged: it does not fit.
        """
        ...

    async def merge(self, guest: Owner, user: Owner, at_ms: int, forget_ms: int) -> MergeReport:
        """Move a guest's lines into a user's cart, once for each guest, and close the guest's cart."""
        ...

    async def subtract(
        self, user: Owner, order_id: str, ordered: Sequence[Ordered], at_ms: int, forget_ms: int
    ) -> int:
        """Take what was ordered out of the cart, once for each order; return the cart's version.

        What was added to an ordered line stays, and so does a line that was set anew: the shopper said so, later.
        """
        ...

    async def take(self, user: Owner, order_id: str, version: int, at_ms: int, forget_ms: int) -> int:
        """Take all lines out for an order, if the cart is at this version; return its version then.

        The lines are kept beside the cart until `give_back`. An order that took them already may repeat it.

        Raises:
            CartChanged: the cart is at another version, or the order has given back.
        """
        ...

    async def give_back(self, user: Owner, order_id: str, at_ms: int, forget_ms: int) -> int:
        """Put the lines that an order took back, once, beside what is there now; return the cart's version.

        From then on the order takes nothing any more, also when it had not taken anything yet. Limits do not
        apply: the shopper owned these lines.
        """
        ...

    async def is_merged(self, guest: Owner) -> bool:
        """Whether a guest's cart was merged, so that its token is of no more use."""
        ...

    async def page(self, after: Owner | None, limit: int) -> list[CartSummary]:
        """Return carts in the order of their owners, behind `after`."""
        ...

    async def sweep(self, now_ms: int, guests_idle_since_ms: int, limit: int) -> int:
        """Return how much was deleted.

        That is at most `limit` operations whose time is over, and as many guests' carts not written since. Where
        rows expire by themselves there is nothing to do.
        """
        ...


class ViewStore(Protocol):
    """What shoppers looked at: bounded for each of them, newest first, every product once."""

    async def record(self, owner: Owner, view: View) -> None:
        """Put a product in front."""
        ...

    async def latest(self, owner: Owner, limit: int) -> list[View]:
        """Return the newest views first."""
        ...

    async def forget(self, owner: Owner) -> None:
        """Delete all views of a shopper."""
        ...

    async def sweep(self, guests_before_ms: int, limit: int) -> int:
        """Delete at most `limit` views by guests older than that, where they do not expire; return how many."""
        ...


class Catalogue(Protocol):
    """The catalogue service, as it is right now."""

    async def lookup(self, ids: Collection[str]) -> dict[str, Product]:
        """Return those of at most MOST_ORDER_LINES products that exist.

        Raises:
            Unavailable: the catalogue did not answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class ProductNews:
    """Products that changed, as one process of the catalogue has seen it; not `complete`: any may have."""

    source: str
    position: int
    complete: bool
    product_ids: Sequence[str]


class News(Protocol):
    """What the catalogue says of changes."""

    async def since(self, seen: Mapping[str, int]) -> ProductNews:
        """Return what changed behind the positions seen, by the processes that counted them.

        Raises:
            Unavailable: the catalogue did not answer.
        """
        ...


class ProductMemory(Protocol):
    """Products remembered here, which must be forgotten when they change."""

    def forget(self, ids: Collection[str]) -> None:
        """Ask again for these products."""
        ...

    def forget_all(self) -> None:
        """Ask again for every product."""
        ...

    def followed(self, at_ms: int) -> None:
        """Take note that everything that changed before this time was forgotten."""
        ...


class KnownProducts(Protocol):
    """Products seen a moment ago: good enough to say that one exists and what it cost when it was added.

    Never good enough to charge anybody.
    """

    async def find(self, ids: Collection[str]) -> Mapping[str, Product]:
        """Return those products that exist.

        Raises:
            Unavailable: one is not known here and the catalogue did not answer.
        """
        ...


class CatalogueAndNews(Catalogue, News, Protocol):
    """The catalogue service, and what it says of changes."""


class GuestLimit(Protocol):
    """How many guests one address may become."""

    def admit(self, address: str) -> None:
        """Count a new guest.

        Raises:
            TooManyRequests: it is one too many of this address.
        """
        ...


class GuestTokens(Protocol):
    """Signed names for guests, which a client can keep but not make."""

    def issue(self, guest: Owner) -> str:
        """Return the token of a guest."""
        ...

    def read(self, token: str) -> Owner:
        """Return the guest of a token.

        Raises:
            InvalidCartToken: it was altered, or is not one.
        """
        ...


class AddedCounter(Protocol):
    """Counts lines put into carts, for the business metrics."""

    def inc(self, amount: float = 1) -> None:
        """Count some more."""
        ...
