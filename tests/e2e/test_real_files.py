"""Files as people have them, through the real commands into a real shop."""

import asyncio
import json
import os
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from store_kit.shop import MOST_ORDER_LINES

from launcher.tests.real_files import SOLD, as_csv, messy_rows
from tests.support.audit import audit
from tests.support.people import Person
from tests.support.shop import EmbeddedShop

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def store(shop: EmbeddedShop, *words: str, stdin: bytes = b"") -> tuple[int, dict[str, Any]]:
    """Run a command as a person does; return its exit code and its line of JSON."""
    command = ["-m", "store_cli", *words, "--json", "--base-url", shop.base_url, "--data", str(shop.data_dir)]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdin=pipe, stdout=pipe, env={**os.environ, **shop.env}
    )
    output, _ = await process.communicate(stdin)
    return process.returncode or 0, json.loads(output)


async def test_messy_ledger_with_the_longest_order_is_replayed_to_the_penny(
    shop: EmbeddedShop, tmp_path: Path
) -> None:
    """A CP1252 file with semicolons, odd lines and an order of 2 000 products: all that can be sold is, and adds up."""
    path = tmp_path / "messy.csv"
    path.write_bytes(as_csv(messy_rows(MOST_ORDER_LINES), ";").encode("cp1252"))
    code, said = await store(shop, "replay", "online-retail", str(path))
    assert (code, {name: said[name] for name in SOLD}) == (
        0,
        {
            "orders": SOLD["orders"] + 1,
            "lines": SOLD["lines"] + MOST_ORDER_LINES,
            "units": SOLD["units"] + MOST_ORDER_LINES,
            "total_minor": SOLD["total_minor"] + MOST_ORDER_LINES,
        },
    )
    assert (said["refused"], said["differing"], said["products_not_at_zero"]) == (0, 0, 0)
    assert sum(reason["count"] for reason in said["left_aside"]) == 7
    assert any("name" in reason["reason"] and reason["lines"] == [9] for reason in said["left_aside"])
    await audit(shop)


async def test_import_from_the_standard_input(shop: EmbeddedShop) -> None:
    """`... | store import online-retail /dev/stdin` reads what the pipe gives, once."""
    content = as_csv(messy_rows()).replace("EURO", "FROM-STDIN").encode()
    code, said = await store(shop, "import", "online-retail", "/dev/stdin", stdin=content)
    assert code == 0
    assert said["created"] >= 1
    assert [reason["lines"] for reason in said["left_aside"] if "name" in reason["reason"]] == [[9]]


async def test_order_of_two_thousand_products_is_placed_within_the_budget(admin: Person, ann: Person) -> None:
    """The longest cart becomes an order in one request: answered 201, not 202; one line more is refused."""
    items = []
    for half in range(2):
        products = [
            {
                "name": f"Mug {n}",
                "category": "Mugs",
                "price_minor": 100 + n,
                "stock": 1,
                "sku": f"M{half}-{n}",
            }
            for n in range(MOST_ORDER_LINES // 2)
        ]
        made = (await admin.ask("POST", "/api/products/batch", {"products": products})).expect(200)
        items += [{"product_id": item["id"], "quantity": 1} for item in made["items"]]
    more = [*items, {"product_id": str(uuid.uuid4()), "quantity": 1}]
    (await ann.ask("PUT", "/api/cart/items", {"items": more})).expect(422)
    (await ann.ask("PUT", "/api/cart/items", {"items": items})).expect(200)
    placed = (await ann.order()).expect(201)
    assert len(placed["lines"]) == MOST_ORDER_LINES
    assert placed["total_minor"] == 2 * sum(100 + n for n in range(MOST_ORDER_LINES // 2))


async def test_products_of_another_program_are_imported_and_the_shop_judges(
    shop: EmbeddedShop, admin: Person, tmp_path: Path
) -> None:
    """A dry run says what the import then does, name by name that the shop refuses; a repeat finds them all there."""
    path = tmp_path / "products.csv"
    rows = [
        "Title;Code;Preis;Qty",
        "Becher;BECHER-1;4,99;7",
        f"{'N' * 201};LONG-1;1,00;1",
        "\u200b;BLANK-1;1,00;1",
    ]
    path.write_text("\n".join(rows), encoding="utf-8-sig")
    _, dry = await store(shop, "import", "products", str(path), "--dry-run")
    _, real = await store(shop, "import", "products", str(path))
    _, again = await store(shop, "import", "products", str(path))
    assert (dry["would_be_sent"], real["created"], again["created"], again["existing"]) == (1, 1, 0, 1)
    assert dry["left_aside"] == real["left_aside"] == again["left_aside"]
    assert sorted(line for reason in real["left_aside"] for line in reason["lines"]) == [3, 4]
    (found,) = (await admin.ask("GET", "/api/products?search=becher")).expect(200)["items"]
    assert (found["sku"], found["price_minor"], found["category"]) == ("BECHER-1", 499, "Other")
