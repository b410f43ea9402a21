"""What the use cases need from outside."""

from collections.abc import Collection, Mapping
from typing import Protocol, TypeVar

from store_cart.domain import Cart, CartSummary, Change, Line, MergeReport, Owner, Product, ProductNews, View

T = TypeVar("T")


class CartStore(Protocol):
    """Carts of users and guests. Every change is atomic, and durable once it returns."""

    async def read_cart(self, owner: Owner) -> Cart:
        """Return the cart, lines and version consistent with each other; an empty one when there is none."""

    async def find_line(self, owner: Owner, product_id: str) -> Line | None:
        """Return one line of a cart, or None."""

    async def change_cart(self, owner: Owner, change: Change[T]) -> T:
        """Make a change of the cart as it is now, and return what the change answers.

        Raises:
            Problem: the change's refusal; nothing was written.
        """

    async def merge_carts(self, guest: Owner, user: Owner, at_ms: int, remember_ms: int) -> MergeReport:
        """Move a guest's lines into a user's cart, once, and close the guest's cart for good."""

    async def is_cart_merged(self, guest: Owner) -> bool:
        """Whether a guest's cart was merged, so that its token is no longer valid."""

    async def list_carts(self, after: Owner | None, limit: int) -> list[CartSummary]:
        """Return carts in the order of their owners, behind `after`."""

    async def sweep_carts(self, now_ms: int, guests_idle_since_ms: int, limit: int) -> int:
        """Return how much was deleted.

        That is at most `limit` expired operations, and as many guests' carts not written since then. Where rows
        expire by themselves there is nothing to do.
        """


class ViewStore(Protocol):
    """What shoppers looked at: bounded for each of them, newest first, every product once."""

    async def record_view(self, owner: Owner, view: View) -> None:
        """Put a product in front."""

    async def list_views(self, owner: Owner, limit: int) -> list[View]:
        """Return the newest views first."""

    async def forget_views(self, owner: Owner) -> None:
        """Delete all views of a shopper."""

    async def sweep_views(self, guests_before_ms: int, limit: int) -> int:
        """Delete at most `limit` views by guests older than that, where they do not expire; return how many."""


class Catalogue(Protocol):
    """The catalogue service, as it is right now."""

    async def find_products(self, ids: Collection[str]) -> dict[str, Product]:
        """Return those of these products that exist.

        Raises:
            Unavailable: the catalogue did not answer.
        """

    async def read_news(self, seen: Mapping[str, int]) -> ProductNews:
        """Return what changed behind the positions seen, by the processes that counted them.

        Raises:
            Unavailable: the catalogue did not answer.
        """


class KnownProducts(Protocol):
    """Products seen a moment ago: good enough to say that one exists and what it cost when it was added.

    Never good enough to charge for one.
    """

    async def find_known_products(self, ids: Collection[str]) -> Mapping[str, Product]:
        """Return those products that exist.

        Raises:
            Unavailable: one is not known here and the catalogue did not answer.
        """

    def forget_products(self, ids: Collection[str]) -> None:
        """Ask again for these products."""

    def forget_all_products(self) -> None:
        """Ask again for every product."""

    def note_followed(self, at_ms: int) -> None:
        """Take note that everything that changed before this time was forgotten."""


class GuestLimit(Protocol):
    """How many guests one address may become."""

    def admit_guest(self, address: str) -> None:
        """Count a new guest.

        Raises:
            TooManyRequests: it is one too many of this address.
        """


class GuestTokens(Protocol):
    """Signed names for guests, which a client can keep but not make."""

    def issue_token(self, guest: Owner) -> str:
        """Return the token of a guest."""

    def read_token(self, token: str) -> Owner:
        """Return the guest of a token.

        Raises:
            InvalidCartToken: it was altered, or is not one.
        """


class Telemetry(Protocol):
    """What is counted about the business."""

    def count_added_lines(self, lines: int) -> None:
        """Count lines that were put into a cart."""
