"""What code and documents cite is there: pages, their sections, decisions, files."""

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.architecture.tree import ROOT, without_code

TEXTS = (".py", ".md", ".sql", ".cql", ".yml", ".yaml", ".toml", ".conf", ".sh", ".json", ".cfg", "Makefile")
PAGE = re.compile(
    r"(?<![\w/.-])(?P<path>docs/[a-z_]+\.md)(?:#(?P<anchor>[\w-]+)|,\s+(?P<section>[A-Z].{0,80}))?", re.DOTALL
)
DECISION = re.compile(r"(?:\bADRs? |docs/adr/)(\d+)((?:, | and )\d{4}\b)*")
WRITTEN_ELSEWHERE = re.compile(r"\b(?:PROTOCOLS|DESIGN|STYLE|REDESIGN|MISSION)(?:\.md|,? (?:section )?\d)")
PLACE = re.compile(r"`((?:services|libs|launcher|tests|infra|scripts|data|docs|perf|bench|load)/[\w./-]+)`")
TARGET = re.compile(r"`make ([a-z][a-z-]*)")
NAME = re.compile(r"`(\w+)`\s+(?:of|in)\s+`((?:services|libs|launcher|tests)/[\w./-]+\.py)`")
MADE = {"__pycache__", "build", "dist", "node_modules", "site"}


@cache
def texts() -> dict[str, str]:
    """Return every text file of this tree by its path, what is made or installed left out."""
    found: dict[str, str] = {}
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in MADE]
        paths = [Path(folder, name) for name in files if name.endswith(TEXTS)]
        found |= {str(path.relative_to(ROOT)): path.read_text() for path in paths}
    del found["tests/architecture/test_citations.py"]
    return found


@cache
def headings(page: Path) -> dict[str, str]:
    """Return the headings of a page: title -> anchor."""
    found = re.findall(r"^#+ (.+?)(?: \{#([\w-]+)\})?$", without_code(page.read_text()), re.MULTILINE)
    return {
        title: anchor or re.sub(r"[^\w\s-]", "", title.lower()).replace(" ", "-") for title, anchor in found
    }


def missing_sections(text: str) -> Iterator[str]:
    """Yield the pages and sections that a text cites and that are not there."""
    for found in PAGE.finditer(text):
        page = ROOT / found["path"]
        if not page.is_file():
            yield found["path"]
        elif found["anchor"] and found["anchor"] not in headings(page).values():
            yield f"{found['path']}#{found['anchor']}"
        elif found["section"]:
            said = re.sub(r"[\s#-]*\n[\s#-]*", " ", found["section"])
            if not said.startswith(tuple(headings(page))):
                yield f"{found['path']}, {said.split('.')[0]}"


def test_every_page_and_section_that_is_cited_exists() -> None:
    """A docstring, comment or page that names `docs/page.md`, a section behind a comma or an anchor finds it there."""
    lost = [f"{path}: {what}" for path, text in texts().items() for what in missing_sections(text)]
    assert lost == []


def test_every_decision_that_is_cited_exists() -> None:
    """Each `ADR n` and each `docs/adr/000n` is a record in docs/adr."""
    there = {int(page.name[:4]) for page in (ROOT / "docs/adr").glob("0*.md")}
    lost = [
        f"{path}: {found[0]}"
        for path, text in texts().items()
        for found in DECISION.finditer(text)
        if not {int(number) for number in re.findall(r"\d+", found[0])} <= there
    ]
    assert lost == []


def test_nothing_cites_what_is_not_shipped() -> None:
    """No text refers to notes that a reader of this repository does not have."""
    assert [path for path, text in texts().items() if WRITTEN_ELSEWHERE.search(text)] == []


def test_every_file_that_a_page_names_exists() -> None:
    """A path in backticks in the documents leads to a file or folder of this tree."""
    pages = {path: text for path, text in texts().items() if path.endswith(".md") and path != "CHANGELOG.md"}
    lost = [
        f"{path}: {place}"
        for path, text in pages.items()
        for place in PLACE.findall(text)
        if not (ROOT / place).exists()
    ]
    assert lost == []


def test_every_name_that_a_page_looks_for_in_a_file_is_there() -> None:
    """Where a page says "`name` in `file.py`", the file has that name."""
    said = {
        (name, place)
        for path, text in texts().items()
        if path.endswith(".md")
        for name, place in NAME.findall(text)
    }
    assert said
    assert [f"{place}: {name}" for name, place in said if not re.search(rf"\b{name}\b", texts()[place])] == []


def test_every_make_target_that_is_named_exists() -> None:
    """`make test` and the like, in code and in pages, are in the Makefile."""
    there = set(re.findall(r"^([a-z][a-z-]*):", texts()["Makefile"], re.MULTILINE))
    named = {path: TARGET.findall(text) for path, text in texts().items() if path != "CHANGELOG.md"}
    assert {path: lost for path, targets in named.items() if (lost := set(targets) - there)} == {}
