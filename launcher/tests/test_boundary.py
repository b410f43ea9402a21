"""What no command has caught, as a person meets it: real processes."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import store_cli
from store_cli import main
from store_cli.boundary import outcome
from typer.testing import CliRunner

from launcher.tests.real_files import as_csv, sale

HARD_PLACES = ["shop [work]", "[", "[/]", "[red]x[/red]", ":bomb:", "Магазин №1", "a'b\"c"]


def store(*words: object, **env: str) -> subprocess.CompletedProcess[str]:
    """Run `store` as a process of its own."""
    command = [sys.executable, "-m", "store_cli", *map(str, words)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STORE_")}
    return subprocess.run(  # noqa: S603 - our own command
        command,
        capture_output=True,
        text=True,
        errors="replace",
        env={**kept, **env},
        check=False,
        timeout=60,
    )


def must_be_a_sentence(done: subprocess.CompletedProcess[str], code: int, says: str) -> None:
    """Pass when a command ended with this code and a sentence instead of a traceback."""
    assert done.returncode == code, done
    assert "Traceback" not in done.stderr
    assert says in done.stderr.replace("\n", " ")


def test_error_of_the_system_is_a_sentence_and_json(tmp_path: Path) -> None:
    """A place that cannot be written to, in a command that has no words of its own for it."""
    blocked = tmp_path / "file"
    blocked.touch()
    must_be_a_sentence(store("pages", blocked / "site"), 1, f"{blocked}")
    done = store("secrets", "init", blocked / "secrets", "--json")
    assert json.loads(done.stdout)["ok"] is False
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("value", ["inf", "nan", "1e300"])
def test_settings_that_cannot_be_meant_end_a_start_in_a_sentence(tmp_path: Path, value: str) -> None:
    """`store up` names the variable; it does not fail somewhere in the arithmetic of time."""
    done = store("up", "--data", tmp_path / "d", STORE_ORDER_DELIVERY_MIN_S=value)
    must_be_a_sentence(done, 1, "STORE_ORDER_DELIVERY_MIN_S")


def test_what_nobody_thought_of_is_shown_whole_with_what_to_do() -> None:
    """A fault of the shop itself keeps its trace, says so, and has an exit code of its own."""
    program = "from store_cli import boundary; boundary.run(lambda: 1 / 0)"
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", program, "--json"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 70
    assert "ZeroDivisionError: division by zero" in done.stderr
    assert "fault of the shop" in done.stderr
    assert "Please report it" in json.loads(done.stdout)["error"]
    assert outcome(ZeroDivisionError()) is None


def test_reader_that_goes_away_is_no_fault() -> None:
    """`store ... | head -1` ends without a word about the pipe."""
    line = f"{sys.executable} -m store_cli import online-retail --help | head -c 1 >/dev/null"
    done = subprocess.run(["/bin/bash", "-c", line], capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
    assert done.stderr == ""


@pytest.mark.parametrize("place", HARD_PLACES)
def test_paths_are_shown_as_they_are(tmp_path: Path, place: str) -> None:
    """What looks like markup or an emoji in a path is a part of the path, in every message."""
    data = tmp_path / place
    for words in (
        ("reset", "--data", data),
        ("audit", "--data", data),
        ("import", "online-retail", "--data", data),
        ("users", "promote", "ann@example.com", "--data", data),
        ("doctor", "--data", data),
    ):
        done = CliRunner(env={"COLUMNS": "500"}).invoke(main.app, [str(word) for word in words])
        assert done.exit_code in {0, 1, 2}
        assert str(data) in done.output.replace("\n", ""), words


def test_only_one_place_makes_consoles() -> None:
    """Whoever prints uses the console that takes texts as they are; another one would read paths as markup."""
    for path in sorted(Path(store_cli.__file__).parent.rglob("*.py")):
        made = [
            node.lineno
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"Console", "Text.from_markup"}
        ]
        assert len(made) == (path.name == "console.py"), (path, made)


def test_ascii_terminals_get_escapes_instead_of_an_error(tmp_path: Path) -> None:
    """PYTHONIOENCODING=ascii, as under cron and in old containers: letters are escaped, JSON stays JSON."""
    path = tmp_path / "café.csv"
    path.write_text(as_csv(iter([sale(1, "A", "MUG", 1, "free £")])))
    words = ("import", "online-retail", path, "--strict", "--data", tmp_path / "Магазин")
    who = {"STORE_ADMIN_EMAIL": "admin@shop.example", "STORE_ADMIN_PASSWORD": "correct horse"}
    for encoding in ("ascii", "latin-1", "utf-8"):
        done = store(*words, "--json", PYTHONIOENCODING=encoding, LC_ALL="C", PYTHONUTF8="0", **who)
        assert (done.returncode, "Traceback" in done.stderr) == (2, False)
        assert "caf" in json.loads(done.stdout)["error"]
    done = store(
        "doctor", "--data", tmp_path / "Магазин", PYTHONIOENCODING="ascii", LC_ALL="C", PYTHONUTF8="0"
    )
    assert "Traceback" not in done.stderr
    assert "Data folder" in done.stdout
