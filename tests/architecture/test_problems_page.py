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
    """Yield a problem class and all below it that belong to the shop."""
    if kind.__module__.split(".")[0] in PACKAGES:
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


def on_page() -> dict[str, set[tuple[int, str]]]:
    """Return status and title of every slug on the page."""
    text = (ROOT / "docs/problems.md").read_text()
    matches = list(SECTION.finditer(text))
    assert all(match["slug"] == match["anchor"] for match in matches)
    return {match["slug"]: {(int(match["status"]), match["title"])} for match in matches}


def test_every_problem_is_on_the_page_and_the_page_knows_no_other() -> None:
    """Slugs, statuses and titles on the problems page are exactly those in the code."""
    assert on_page() == in_code()
