"""The documentation site builds strictly and needs nothing from the network."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT

LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
NINE = ["architecture", "microservices", "database", "monitoring", "authentication", "api_docs", "testing"]
NINE += ["load_testing", "reproduce_alerts"]
OFFLINE = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")


class Loads(HTMLParser):
    """Collects the addresses that a browser fetches by itself to show a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        address = values.get(LOADS.get(tag, ""))
        if address and values.get("rel") != "canonical":
            self.found.add(address)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site once, with every way to the network closed."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(  # noqa: S603 - our own command
        command, cwd=ROOT, env=os.environ | OFFLINE, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    """No page of the site fetches a script, style, image or font from another host."""
    foreign: set[str] = set()
    for page in site.rglob("*.html"):
        loads = Loads()
        loads.feed(page.read_text())
        foreign |= {address for address in loads.found if re.match(r"(https?:)?//", address)}
    for sheet in site.rglob("*.css"):
        foreign |= set(re.findall(r"(?:url\(|@import\s+)[\"']?((?:https?:)?//[^)\"']+)", sheet.read_text()))
    assert foreign == set()


def test_no_page_asks_for_a_diagram_library(site: Path) -> None:
    """No page holds a Mermaid diagram, for which the theme would turn to a CDN."""
    assert [page for page in site.rglob("*.html") if 'class="mermaid"' in page.read_text()] == []


def test_the_nine_pages_and_the_problems_are_there(site: Path) -> None:
    """The site has the nine pages of the original system, and every problem type has its anchor."""
    assert [name for name in NINE if not (site / name / "index.html").exists()] == []
    html = (site / "problems/index.html").read_text()
    slugs = re.findall(r"\{#([a-z0-9-]+)\}", (ROOT / "docs/problems.md").read_text())
    assert [slug for slug in slugs if f'id="{slug}"' not in html] == []
