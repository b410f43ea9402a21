"""The front page and the other documents outside the site point at things that exist."""

import re
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, without_code

PAGES = ("README.md", "README.ru.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "data/README.md")


def table_paths(page: Path) -> set[str]:
    """Return the paths named in backticks in the second column of the "where is what" section."""
    pattern = re.compile(r"^## (?:Where is what|Где что)\n(.*?)(?=^## |\Z)", re.DOTALL | re.MULTILINE)
    section = pattern.search(page.read_text())
    assert section, f"{page.name} has no section 'Where is what'"
    places = [line.split("|")[2] for line in section[1].splitlines() if line.startswith("|")]
    return {path for place in places for path in re.findall(r"`([\w./-]+)`", place)}


@pytest.mark.parametrize("page", ["README.md", "README.ru.md"])
def test_every_path_in_where_is_what_exists(page: str) -> None:
    """Each path in the README's table "where is what" is a file or folder of this tree."""
    paths = table_paths(ROOT / page)
    assert len(paths) >= 10
    assert sorted(path for path in paths if not (ROOT / path).exists()) == []


def test_every_folder_at_the_root_is_in_where_is_what() -> None:
    """There are ten at most, and the table says what each is for."""
    made = {"build", "dist", "__pycache__"}
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")} - made
    assert len({*folders, ".ci"}) <= 10
    assert folders - {path.partition("/")[0] for path in table_paths(ROOT / "README.md")} == set()


def test_both_readmes_show_the_same_places() -> None:
    """The English and the Russian README name the same paths."""
    assert table_paths(ROOT / "README.md") == table_paths(ROOT / "README.ru.md")


@pytest.mark.parametrize("page", PAGES)
def test_relative_links_lead_somewhere(page: str) -> None:
    """A relative link of a page outside the site names an existing file."""
    text = without_code((ROOT / page).read_text())
    links = re.findall(r"\]\((?!https?://|mailto:|#)([^)#\s]+)", text)
    folder = (ROOT / page).parent
    assert [link for link in links if not (folder / link).exists()] == []


@pytest.mark.parametrize("page", ["README.md", "README.ru.md"])
def test_the_first_screen_has_the_two_commands(page: str) -> None:
    """`make up` and `make test` stand within the first 60 lines."""
    top = "\n".join((ROOT / page).read_text().splitlines()[:60])
    assert "make up" in top
    assert "make test" in top
