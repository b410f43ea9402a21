"""Commands of README and docs work as they stand; the gateway serves documentation and Swagger by itself."""

import re
from pathlib import Path

import anyio
import pytest

from tests.support.people import Person
from tests.support.shop import EmbeddedShop

ROOT = Path(__file__).resolve().parents[2]


PAGES = sorted(
    str(page.relative_to(ROOT))
    for page in (*ROOT.glob("README*.md"), *ROOT.glob("docs/*.md"))
    if "```bash\n" in page.read_text()
)


def blocks(page: str) -> str:
    """Return the blocks marked `bash` of a page as one script: they run as they stand, one after the other."""
    found = re.findall(r"^```bash\n(.*?)^```", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)
    assert found
    return "".join(found)


async def pasted(page: str, shop: EmbeddedShop, admin: Person) -> str:
    """Return what a page's blocks say when they are pasted into a shell."""
    await admin.create_product(stock=10, price_minor=250, name="Scented candle")
    command = ["bash", "-euo", "pipefail", "-c", blocks(page)]
    done = await anyio.run_process(command, env={"BASE": shop.url(""), "PATH": "/usr/bin:/bin"})
    return done.stdout.decode()


def test_pages_are_found() -> None:
    """The pages whose blocks are run are those that one expects."""
    assert {"README.md", "README.ru.md", "docs/api_docs.md", "docs/authentication.md"} <= set(PAGES)


@pytest.mark.anyio
@pytest.mark.curl
@pytest.mark.parametrize("page", PAGES)
async def test_what_is_marked_as_bash_runs(shop: EmbeddedShop, admin: Person, page: str) -> None:
    """No command fails and nobody is answered with a problem."""
    said = await pasted(page, shop, admin)
    assert '"id":"' in said
    assert "/docs/problems/" not in said


@pytest.mark.anyio
@pytest.mark.curl
@pytest.mark.parametrize("page", ["README.md", "README.ru.md", "docs/api_docs.md"])
async def test_the_tour_ends_with_an_order(shop: EmbeddedShop, admin: Person, page: str) -> None:
    """Pasted into a shell, a tour finds a product, registers, fills a cart, orders and sees the timeline."""
    said = await pasted(page, shop, admin)
    assert '"name":"Scented candle"' in said
    assert '"total_minor":250' in said
    assert said.count('"status":"CREATED"') >= 2


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
