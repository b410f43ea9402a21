"""What the catalogue's use cases need from the world. A test suite per port defines it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from store_kit.problems import Conflict

from store_catalog.domain import (
    Added,
    Adjusted,
    Adjustment,
    CategoryCount,
    Facets,
    FeedEntry,
    Line,
    ListQuery,
    NewProduct,
    OrderId,
    Position,
    Product,
    ProductId,
    ProductPage,
    Reservation,
    StockRow,
)


class ProductStore(Protocol):
    """The truth about products. Every change puts an entry into the change feed before it becomes visible."""

    async def get_product(self, product_id: ProductId) -> Product:
        """Return a product with its stock, both as of the same moment.

        Raises:
            ProductNotFound: unknown or deleted.
        """

    async def find_products(self, product_ids: Sequence[ProductId]) -> list[Product]:
        """Return those products that exist, tombstones of deleted ones too, in no particular order."""

    async def scan_products(self, after: ProductId, limit: int) -> list[Product]:
        """Return up to `limit` live products behind `after` (`""` starts), in an order of the store's own.

        None are left when none are returned.
        """

    async def insert_products(self, products: Sequence[NewProduct]) -> list[Added]:
        """Add products; one whose SKU is there stays as it is. Say of each what became of it.

        If the database fails midway, some may have been added: a repeated call adds the rest of those with a SKU.
        """

    async def update_product(self, product: Product, expected_version: int) -> Product:
        """Replace version `expected_version` by this one; return it with its stock of this moment.

        Raises:
            ProductChanged: it is at another version.
            ProductNotFound: unknown or deleted.
            SkuTaken: another product has its SKU.
        """


class StockStore(Protocol):
    """The truth about stock: the only thing that changes quantities. Everything here is safe to repeat."""

    async def reserve_stock(self, order_id: OrderId, lines: Sequence[Line], not_after_ms: int) -> Reservation:
        """Hold every line (products unique) or none; return what the order holds, also when it did before.

        Raises:
            InsufficientStock: `lines` says which are short. Unknown and deleted products have none.
            ReservationReleased: the order was cancelled.
            ReservationShipped: the order was shipped.
            ReservationExpired: `not_after_ms` has passed.
        """

    async def release_stock(self, order_id: OrderId) -> Reservation:
        """Give back what an order holds; without a hold, leave a marker that refuses a later one.

        Raises:
            ReservationShipped: its stock is sold.
        """

    async def ship_stock(self, order_id: OrderId) -> Reservation:
        """Turn what an order holds into sold units.

        Raises:
            ReservationReleased: it holds nothing.
        """

    async def adjust_stock(self, adjustment: Adjustment) -> Adjusted:
        """Change what was received and what is available together, once per operation id (known for a day at least).

        Raises:
            ProductNotFound: unknown or deleted.
            StockBelowZero: more would be taken than is available.
            StockAboveLimit: more would have been received than the shop counts.
            OperationReused: the operation id belongs to another change.
        """

    async def list_stock(self, after: ProductId, limit: int) -> list[StockRow]:
        """Return the next `limit` products' stock behind `after` in an order of the store's own, deleted ones too.

        Quantities and holds of a product are as of the same moment.
        """

    async def list_unfinished(self, older_than_ms: int, limit: int) -> list[Reservation]:
        """Return reservations that are in a passing state since before `older_than_ms`."""

    async def finish_reservation(self, order_id: OrderId, older_than_ms: int) -> Reservation | None:
        """Bring a reservation that is in a passing state since before `older_than_ms` to where it was on its way to.

        One that never held everything is released. None: it is not in such a state (any more), and stays as it is;
        if a slow caller has held everything meanwhile, that order has its goods.
        """

    async def delete_markers(self, older_than_ms: int, limit: int) -> int:
        """Forget up to `limit` markers of reservations that ended before `older_than_ms`; return how many.

        None where the database forgets by itself.
        """


class Marks(Protocol):
    """Small facts about the shop by name, which a backup keeps with all else."""

    async def find_mark(self, name: str) -> str | None:
        """Return what was noted, None when nothing was."""

    async def set_mark(self, name: str, value: str) -> None:
        """Note something; durable when this returns, safe to repeat."""


class FeedExpired(Exception):
    """Entries behind the given position have been forgotten: rebuild from a scan."""


class ChangeFeed(Protocol):
    """Which products have changed, in the order of positions (> 0).

    A product is announced when it is made, edited, deleted, or goes in or out of stock; not by every sale.
    """

    async def newest_position(self) -> int:
        """Return the newest position; note it before a rebuild's scan."""

    async def list_entries(self, position: int, limit: int) -> list[FeedEntry]:
        """Return the next entries behind `position`, oldest first.

        Where late entries can still slip in before newer ones, the adapter returns its last minute again:
        entries must be safe to see twice.

        Raises:
            FeedExpired: the feed no longer reaches back to `position`.
        """

    async def delete_entries(self, older_than_ms: int, limit: int) -> int:
        """Forget up to `limit` entries older than `older_than_ms`; return how many.

        None where the database forgets by itself.
        """


@dataclass(frozen=True, slots=True)
class Changes:
    """Products that changed, as one process has seen it.

    Args:
        source: names the process; another one counts other positions.
        position: where it stands now.
        complete: whether these are all behind the position that was asked for; if not, any product may have changed.
        product_ids: the products.
    """

    source: str
    position: int
    complete: bool
    product_ids: Sequence[ProductId] = ()


class ChangesSeen(Protocol):
    """What this process has seen change lately."""

    def list_changes(self, seen: Mapping[str, int]) -> Changes:
        """Return what changed behind positions, by the sources that counted them."""


class ProductIndex(Protocol):
    """The read model of this process: lists, search, facets."""

    async def apply_products(self, products: Sequence[Product]) -> None:
        """Show these products as given (tombstones: no longer), unless newer ones are known by `revision`.

        Returns when the next list or search sees them: the process that wrote reads its own writes.
        """

    def offer_products(self, products: Sequence[Product]) -> None:
        """Show these products soon; returns at once. What is too much for it comes by the change feed."""

    async def wait_for_room(self) -> None:
        """Return when little enough waits to be shown, or when that takes too long."""


class FollowedIndex(Protocol):
    """The read model as the follower of the change feed fills it."""

    @property
    def ready(self) -> bool:
        """Whether it shows the whole catalogue; otherwise it must be rebuilt."""

    @property
    def position(self) -> int:
        """Up to where of the feed everything is applied, as far as that was saved."""

    def shows(self, entry: FeedEntry) -> bool:
        """Whether what the entry announces is in already, or waits to be (False when that is forgotten)."""

    def lost(self) -> bool:
        """Whether something could not be stored (a full disk): follow again from `position`. Asking forgets it."""

    @property
    def backlog_since_ms(self) -> int | None:
        """Since when something has been waiting to be shown, None when nothing does."""

    async def apply_products(self, products: Sequence[Product]) -> None:
        """Show these products, unless it knows newer ones by `revision`."""

    async def start_over(self) -> None:
        """Become empty, and not ready."""

    async def finish(self, position: int) -> None:
        """Become ready: everything up to `position` of the feed has been applied."""

    async def save_position(self, position: int) -> None:
        """Remember, for the next start, that everything up to `position` is applied."""


class ProductLists(Protocol):
    """The read model as buyers ask it.

    Everything here raises CatalogueLoading while the catalogue is not complete.
    """

    async def list_products(self, query: ListQuery, behind: Position | None, limit: int) -> ProductPage:
        """Return up to `limit` products, those behind a position when one is given.

        Raises:
            InvalidCursor: the position does not belong to this order.
        """

    async def count_facets(self, query: ListQuery) -> Facets:
        """Return how all matches of a query divide."""

    def list_categories(self) -> list[CategoryCount]:
        """Return every category that has products, in alphabetical order."""


class Telemetry(Protocol):
    """What is counted."""

    def count_reservation(self, outcome: Reservation | Conflict | None) -> None:
        """Count a reservation by where it has come, or by why it was refused; None is not counted."""


@dataclass(frozen=True, slots=True)
class PeerHealth:
    """How a service answered the question whether it is ready."""

    name: str
    up: bool
    status: str
    latency_ms: float
    version: str | None
    uptime_s: float | None
    dependencies: dict[str, str]
    detail: str | None = None


class HealthProbe(Protocol):
    """Asks the services of the shop how they are."""

    async def ask_all(self) -> list[PeerHealth]:
        """Return every service's answer, asked concurrently with a short timeout; never raises."""
