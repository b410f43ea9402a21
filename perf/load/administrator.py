"""The administrator: looks through stock and orders, receives goods, and checks that no unit was lost or made up."""

from typing import Final
from urllib.parse import quote

from locust import task

from perf.load.person import JSON, Person
from perf.load.sale import SALE, credentials_of_the_administrator, receive

_LOW: Final = 200
_DELIVERY: Final = 2000


class Administrator(Person):
    """One of them, however many shoppers there are."""

    fixed_count = 1

    def on_start(self) -> None:
        """Begin at the first page of stock."""
        self._cursor = ""

    @task(4)
    def look_through_stock(self) -> None:
        """Check the next page's books and receive what is running out."""
        self._sign_in()
        following = f"?cursor={quote(self._cursor)}" if self._cursor else ""
        page = self.ask("GET", f"/api/admin/stock{following}", name="/api/admin/stock")
        self._cursor = page["next_cursor"] or ""
        for row in page["items"]:
            self._check(row)
        for row in page["items"]:
            # Of the ledger's products half had fewer units than that from the start.
            if row["available"] < min(_LOW, row["received"] / 2):
                receive(self, row["product_id"], _DELIVERY)

    @task(4)
    def look_after_the_sale(self) -> None:
        """Bring the product that the herd wants back on sale."""
        self._sign_in()
        SALE.top_up(self)

    @task(1)
    def look_at_orders(self) -> None:
        """Look at what is to be packed, who has registered and who hesitates."""
        self._sign_in()
        self.ask("GET", "/api/admin/orders?status=PROCESSING", name="/api/admin/orders")
        self.ask("GET", "/api/admin/users")
        self.ask("GET", "/api/admin/carts")

    def _sign_in(self) -> None:
        if not self.is_signed_in:
            self.adopt(credentials_of_the_administrator(self))

    def _check(self, row: JSON) -> None:
        held = sum(hold["quantity"] for hold in row["holds"])
        if row["received"] != row["available"] + held + row["sold"] or row["available"] < 0:
            self.wrong("received = available + held + sold")
