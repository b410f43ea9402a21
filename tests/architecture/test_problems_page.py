"""docs/problems.md is the dictionary of every error the shop can answer with."""

import re
from collections.abc import Iterator

from store_kit.problems import Problem

from tests.architecture.tree import PACKAGES, ROOT, modules

SECTION = re.compile(
    r"^### `(?P<slug>[a-z0-9-]+)` \{#(?P<anchor>[a-z0-9-]+)\}\n+\*\*(?P<status>\d{3})\*\* (?P<title>.+)$",
    re.MULTILINE,
)


def kinds(kind: type[Problem] = Problem) -> Iterator[type[Problem]]:
    """Yield a problem class and all below it that belong to the shop and have a slug of their own."""
    if "slug" in vars(kind) and kind.__module__.split(".")[0] in PACKAGES:
        yield kind
    for sub in kind.__subclasses__():
        yield from kinds(sub)


def in_code() -> dict[str, set[tuple[int, str]]]:
    """Return status and title of every slug in the code."""
    for package in PACKAGES:
        for _ in modules(package):
            pass
    found: dict[str, set[tuple[int, str]]] = {}
    for kind in kinds():
        found.setdefault(kind.slug, set()).add((kind.status, kind.title))
    return found


def on_page() -> dict[str, tuple[int, str]]:
    """Return status and title of every slug on the page."""
    matches = list(SECTION.finditer((ROOT / "docs/problems.md").read_text()))
    assert all(match["slug"] == match["anchor"] for match in matches)
    return {match["slug"]: (int(match["status"]), match["title"]) for match in matches}


def test_every_problem_is_on_the_page_and_the_page_knows_no_other() -> None:
    """The slugs on the problems page are exactly those in the code, with a status and title of the code."""
    code, page = in_code(), on_page()
    assert sorted(page) == sorted(code)
    assert {slug: shown for slug, shown in page.items() if shown not in code[slug]} == {}


def test_a_slug_has_one_status() -> None:
    """Two classes that share a slug answer with the same status."""
    assert [slug for slug, found in in_code().items() if len({status for status, _ in found}) > 1] == []
