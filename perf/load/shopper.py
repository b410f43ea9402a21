"""Shoppers: they look around, and some of them buy what people bought from a real shop."""

import random
import uuid
from typing import Final
from urllib.parse import urlencode

from locust import task

from perf.load.figures import (
    LINES_OF_AN_ORDER,
    NEW_CUSTOMERS,
    TAKEN_BACK,
    THE_MOST_WANTED,
    UNITS_OF_A_LINE,
)
from perf.load.person import JSON, Person, is_refused
from perf.load.wares import Wares

LOOKERS: Final = 3
"""Visits without an order for each with one. Assumed: the ledger does not know who only looked."""
_BY_HAND: Final = 8
"""Lines that are put into a cart one by one; larger orders come as a list, as traders send them. Assumed."""
_LOOKS_AT_ORDER: Final = 8
"""Even where people think least these take longer than Prometheus' pause: what is counted in one pause has no rate."""
_WAY: Final = ("PENDING", "CREATED", "PROCESSING", "SHIPPING", "DELIVERED")
_WARES: Final = Wares()


class Shopper(Person):
    """Looks around, searches, fills a cart as a guest, registers or signs in, orders, and watches the order."""

    weight = round(1000 * (1 - THE_MOST_WANTED))

    def on_start(self) -> None:
        """Come without an account, with something in mind: a shop that has just opened has orders within a minute."""
        self.account: tuple[str, str] | None = None
        self.has_something_in_mind = True

    @task(LOOKERS)
    def look_around(self) -> None:
        """Browse, search, look at a few products and go away; but a new customer buys."""
        if self.has_something_in_mind:
            self.buy()
            return
        self.leave()
        category = random.choice(self.ask("GET", "/api/categories")["items"])["category"]
        self.think()
        listed = self.ask("GET", _query(category=category, in_stock="true"), name="/api/products?category")
        self.think()
        self.search(random.choice(listed["items"])["name"] if listed["items"] else category)
        for product in random.sample(listed["items"], min(2, len(listed["items"]))):
            self.think()
            self.view(product["id"])

    @task
    def buy(self) -> None:
        """Fill a cart, order it and watch what becomes of it."""
        self.has_something_in_mind = False
        self.leave()
        wares = _WARES.of(self)
        lines = random.choice(LINES_OF_AN_ORDER)
        wanted = {wares.pick(): random.choice(UNITS_OF_A_LINE) for _ in range(lines)}
        guest = self.fill_by_hand(dict(list(wanted.items())[:_BY_HAND]))
        self.come_in(guest)
        if len(wanted) > _BY_HAND:
            items = [{"product_id": product, "quantity": units} for product, units in wanted.items()]
            self.ask("PUT", "/api/cart/items", body={"items": items})
        self.think()
        self.ask("GET", "/api/cart")
        self.think()
        placed = self.order()
        if is_refused(placed):
            if not self.make_do_with(placed["lines"]):
                return
            placed = self.order()
        if is_refused(placed):
            self.ask("DELETE", "/api/cart", status=204)
        else:
            self.watch(placed)

    def search(self, name: str) -> None:
        """Search for the longest word of a name."""
        word = max(name.split(), key=len)
        self.ask("GET", _query(search=word, sort="relevance"), name="/api/products?search")

    def view(self, product_id: str) -> None:
        """Open a product's page."""
        self.ask("GET", f"/api/products/{product_id}", name="/api/products/{id}")

    def fill_by_hand(self, wanted: dict[str, int]) -> str:
        """Look at products and put them into a guest's cart; return the cart's token."""
        guest: dict[str, str] = {}
        for product, units in wanted.items():
            self.view(product)
            self.think()
            added = self.ask(
                "POST",
                "/api/cart/items",
                body={"product_id": product, "quantity": units},
                headers={**guest, "Idempotency-Key": str(uuid.uuid4())},
            )
            guest = guest or {"Cart-Token": added["cart_token"]}
        return guest["Cart-Token"]

    def come_in(self, guest: str) -> None:
        """Register or sign in, and bring the guest's cart along."""
        if self.account is None or random.random() < NEW_CUSTOMERS:
            self.account = self.register()
        self.sign_in(*self.account)
        self.ask("POST", "/api/cart/merge", body={"cart_token": guest})

    def make_do_with(self, short: JSON) -> bool:
        """Take what there is of the products that are short; return whether anything is left in the cart."""
        left = 0
        for line in short:
            path, name = f"/api/cart/items/{line['product_id']}", "/api/cart/items/{id}"
            if line["available"]:
                changed = self.ask("PUT", path, name=name, body={"quantity": line["available"]})
            else:
                changed = self.ask("DELETE", path, name=name)
            left = changed["line_count"]
        return bool(left)

    def watch(self, order: JSON) -> None:
        """Look at the order for a while, or take it back as often as people did. Its status never goes back."""
        path, seen = f"/api/orders/{order['id']}", order["status"]
        if random.random() < TAKEN_BACK:
            self.think()
            self.take_back(path)
            return
        for _ in range(_LOOKS_AT_ORDER):
            self.think()
            status = self.ask("GET", path, name="/api/orders/{id}")["status"]
            if status not in _WAY or _WAY.index(status) < _WAY.index(seen):
                self.wrong("an order's status never goes back")
            seen = status
        self.ask("GET", f"{path}/events", name="/api/orders/{id}/events")
        self.ask("GET", "/api/orders")

    def take_back(self, path: str) -> None:
        """Cancel the order, unless it has been shipped meanwhile."""
        self.ask(
            "POST",
            f"{path}/cancel",
            name="/api/orders/{id}/cancel",
            status=(200, 202),
            refusals={409: "illegal-transition"},
        )


def _query(**parameters: str) -> str:
    return f"/api/products?{urlencode(parameters)}"
