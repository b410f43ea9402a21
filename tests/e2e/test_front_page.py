"""The README's tour works as it stands, and the gateway serves the documentation and Swagger by itself."""

import re
from pathlib import Path

import anyio
import pytest

from tests.support.people import Person
from tests.support.shop import EmbeddedShop

ROOT = Path(__file__).resolve().parents[2]


def tour(page: str) -> str:
    """Return the shell script of a README's tour."""
    scripts = re.findall(r"^```bash\n(.*?)^```", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)
    assert len(scripts) == 1
    return str(scripts[0])


@pytest.mark.anyio
@pytest.mark.parametrize("page", ["README.md", "README.ru.md"])
async def test_the_tour_ends_with_an_order(shop: EmbeddedShop, admin: Person, page: str) -> None:
    """Pasted into a shell, the tour finds a product, registers, fills a cart, orders and sees the timeline."""
    await admin.create_product(stock=10, price_minor=250, name="Scented candle")
    command = ["bash", "-euo", "pipefail", "-c", tour(page)]
    done = await anyio.run_process(command, env={"BASE": shop.url(""), "PATH": "/usr/bin:/bin"})
    said = done.stdout.decode()
    assert '"name":"Scented candle"' in said
    assert '"total_minor":500' in said
    assert said.count('"status":"CREATED"') >= 2
    assert "/docs/problems/" not in said


@pytest.mark.anyio
async def test_swagger_and_its_document_are_served_without_help_from_elsewhere(ann: Person) -> None:
    """Swagger's page and everything it loads come from the gateway."""
    page = (await ann.ask("GET", "/swagger/")).body.decode()
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert loaded
    assert [address for address in loaded if "//" in address] == []
    answers = [await ann.ask("GET", f"/swagger/{address}") for address in loaded]
    assert [answer.status for answer in answers] == [200] * len(loaded)
    document = (await ann.ask("GET", "/openapi.json")).expect(200)
    assert "/api/orders" in document["paths"]
    assert [path for path in document["paths"] if path.startswith("/internal")] == []


@pytest.mark.anyio
async def test_the_documentation_is_served(ann: Person) -> None:
    """`/docs/` is the built site, and the problems page that every error points to is in it."""
    assert b"Product Store" in (await ann.ask("GET", "/docs/")).body, "the site is not built: make docs"
    unknown = await ann.ask("GET", "/api/orders/nothing-like-an-id")
    slug = unknown.slug
    page = await ann.ask("GET", unknown.json["type"].partition("#")[0])
    assert f'id="{slug}"' in page.body.decode()
