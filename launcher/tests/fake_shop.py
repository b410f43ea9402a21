"""A small shop in memory behind a real socket, for the commands to talk to."""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

ADMIN = {"email": "admin@shop.example", "password": "correct horse battery"}
LONGEST_NAME, ERRORS_LISTED = 200, 2


@dataclass
class FakeProduct:
    sku: str
    price_minor: int
    received: int
    held: dict[str, int] = field(default_factory=dict)
    sold: int = 0

    @property
    def available(self) -> int:
        return self.received - sum(self.held.values()) - self.sold


class FakeShop:
    """Enough of the shop's public API to sell things; `failures` are answered before anything is done."""

    def __init__(self) -> None:
        self.base_url = ""
        self.currency = "GBP"
        self.products: dict[str, FakeProduct] = {}
        self.orders: dict[str, dict[str, Any]] = {}
        self.carts: dict[str, list[dict[str, Any]]] = {}
        self.users = {ADMIN["email"]: ADMIN["password"]}
        self.tokens: dict[str, str] = {}
        self.imports: dict[str, str] = {}
        self.requests: Counter[str] = Counter()
        self.failures: dict[str, deque[int]] = {}
        self.ask_again_first = False
        self.take_back_next = False
        self.price_error_minor = 0

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/api/users", self.register),
            web.post("/api/auth/token", self.token),
            web.post("/api/products/batch", self.create),
            web.put("/api/products/imports/{name}", self.note_import),
            web.post("/api/products/{id}/stock-adjustments", self.adjust),
            web.get("/api/cart", self.cart),
            web.put("/api/cart/items", self.replace_cart),
            web.post("/api/orders", self.order),
            web.get("/api/admin/stock", self.stock),
            web.get("/api/admin/orders", self.list_orders),
        ]

    @web.middleware
    async def fail_first(self, request: web.Request, handler: Any) -> web.StreamResponse:
        key = f"{request.method} {request.path}"
        self.requests[key] += 1
        waiting = self.failures.get(key)
        if waiting:
            return problem(waiting.popleft(), "Not now")
        answer: web.StreamResponse = await handler(request)
        return answer

    def who(self, request: web.Request) -> str:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            raise web.HTTPUnauthorized
        return self.tokens[token]

    def forget_tokens(self) -> None:
        self.tokens.clear()

    async def register(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body["email"] in self.users:
            return problem(409, "Taken")
        self.users[body["email"]] = body["password"]
        return web.json_response({"id": body["email"]}, status=201)

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        email = str(form.get("username") or form.get("refresh_token"))
        if form.get("grant_type") == "password" and self.users.get(email) != form["password"]:
            return problem(400, "Wrong password")
        token = f"token-{len(self.tokens)}-{email}"
        self.tokens[token] = email
        return web.json_response({"access_token": token, "refresh_token": email, "expires_in": 600})

    async def create(self, request: web.Request) -> web.Response:
        self.who(request)
        results, products = [], (await request.json())["products"]
        if faults := [n for n, product in enumerate(products) if len(product["name"]) > LONGEST_NAME]:
            return invalid([f"body.products.{n}.name" for n in faults[:ERRORS_LISTED]], "Too long")
        for product in products:
            known = next((i for i, p in self.products.items() if p.sku == product["sku"]), None)
            product_id = known or f"p{len(self.products)}"
            if known is None:
                fresh = FakeProduct(product["sku"], product["price_minor"], product.get("stock", 0))
                self.products[product_id] = fresh
            status = "exists" if known else "created"
            results.append({"id": product_id, "sku": product["sku"], "status": status})
        created = sum(result["status"] == "created" for result in results)
        counts = {"created": created, "existing": len(results) - created}
        return web.json_response({"items": results, **counts})

    async def note_import(self, request: web.Request) -> web.Response:
        self.who(request)
        name, wanted = request.match_info["name"], (await request.json())["state"]
        known = self.imports.get(name) if wanted == "BEGUN" else None
        self.imports[name] = known or wanted
        return web.json_response({"name": name, "state": self.imports[name]})

    async def adjust(self, request: web.Request) -> web.Response:
        self.who(request)
        product = self.products[request.match_info["id"]]
        product.received += (await request.json())["delta"]
        return web.json_response({"available": product.available})

    async def cart(self, request: web.Request) -> web.Response:
        self.who(request)
        return web.json_response({"items": [], "currency": self.currency})

    async def replace_cart(self, request: web.Request) -> web.Response:
        self.carts[self.who(request)] = (await request.json())["items"]
        return web.json_response({"items": []})

    async def order(self, request: web.Request) -> web.Response:
        user, key = self.who(request), request.headers["Idempotency-Key"]
        if self.ask_again_first:
            self.ask_again_first = False
            return web.json_response({"id": "x", "status": "PENDING", "lines": []}, status=202)
        if self.take_back_next:
            self.take_back_next = False
            return problem(409, "Taken back", "order-not-placed")
        order_id = f"{user}/{key}"
        if order_id in self.orders:
            return web.json_response(self.orders[order_id])
        items = self.carts.pop(user, [])
        if any(self.products[item["product_id"]].available < item["quantity"] for item in items):
            return problem(409, "Not enough stock")
        self.orders[order_id] = self._sell(order_id, items)
        return web.json_response(self.orders[order_id], status=201)

    def _sell(self, order_id: str, items: list[dict[str, Any]]) -> dict[str, Any]:
        lines = []
        for item in items:
            product = self.products[item["product_id"]]
            product.held[order_id] = item["quantity"]
            total = item["quantity"] * product.price_minor
            lines.append({**item, "unit_price_minor": product.price_minor, "line_total_minor": total})
        total = sum(line["line_total_minor"] for line in lines) + self.price_error_minor
        paid = {"state": "CHARGED", "amount_minor": total, "charges": 1, "refunds": 0}
        return {
            "id": order_id,
            "status": "CREATED",
            "version": 3,
            "lines": lines,
            "total_minor": total,
            "currency": "GBP",
            "payment": paid,
        }

    async def stock(self, request: web.Request) -> web.Response:
        self.who(request)
        rows = [
            {
                "product_id": product_id,
                "sku": product.sku,
                "received": product.received,
                "available": product.available,
                "sold": product.sold,
                "version": 1,
                "holds": [{"order_id": o, "quantity": q} for o, q in product.held.items()],
            }
            for product_id, product in self.products.items()
        ]
        return page(request, rows)

    async def list_orders(self, request: web.Request) -> web.Response:
        self.who(request)
        return page(request, list(self.orders.values()))


def page(request: web.Request, rows: list[Any]) -> web.Response:
    start, limit = int(request.query.get("cursor", 0)), int(request.query["limit"])
    more = str(start + limit) if start + limit < len(rows) else None
    return web.json_response({"items": rows[start : start + limit], "next_cursor": more})


def invalid(fields: list[str], message: str) -> web.Response:
    document = {"title": "Not valid", "errors": [{"field": field, "message": message} for field in fields]}
    return web.json_response(document, status=422, content_type="application/problem+json")


def problem(status: int, title: str, slug: str = "some-slug") -> web.Response:
    said = {"title": title, "status": status, "detail": "Try it.", "trace_id": "t1"}
    document = {"type": f"/docs/problems/#{slug}", **said}
    return web.json_response(document, status=status, content_type="application/problem+json")
