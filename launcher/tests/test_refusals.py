"""Each command, where it cannot do what it is told: an exit code, a sentence, one line of JSON, no traceback."""

import json
import sys
from pathlib import Path

import pytest
from store_cli.main import main

BLOCKED = "{blocked}/inside"
"""A place that nobody can make: there is a file where a folder should be."""
CASES: dict[str, tuple[list[str], int, str]] = {
    "up, no folder": (["up", "--data", BLOCKED], 1, "cannot be used"),
    "up, port": (["up", "--port", "70000"], 2, "--port"),
    "up, a URL as host": (["up", "--host", "http://x"], 2, "'http://x' is no address to listen on"),
    "up, a port in host": (["up", "--host", "127.0.0.1:80"], 2, "is no address to listen on"),
    "up, no host": (["up", "--host", " "], 2, "is no address to listen on"),
    "up, foreign host": (["up", "--data", "{free}", "--host", "192.0.2.1"], 1, "on 192.0.2.1 cannot be used"),
    "up, unknown host": (["up", "--data", "{free}", "--host", "no.such.invalid"], 1, "no.such.invalid"),
    "run, no folder": (["run", "cart", "--data", BLOCKED], 1, "cannot be used"),
    "run, unknown": (["run", "carts"], 2, "There is no service 'carts'"),
    "seed, nobody": (["seed", "--data", "{free}", "--json"], 2, "No administrator is known"),
    "seed, no folder": (["seed", "--data", BLOCKED, "--json"], 2, "{blocked}"),
    "seed, none": (["seed", "--products", "0"], 2, "--products"),
    "import, nobody": (
        ["import", "online-retail", "--data", "{free}", "--json"],
        2,
        "No administrator is known",
    ),
    "products, nobody": (
        ["import", "products", "{file}", "--data", "{free}", "--json"],
        2,
        "No administrator",
    ),
    "replay, nobody": (
        ["replay", "online-retail", "--data", "{free}", "--json"],
        2,
        "No administrator is known",
    ),
    "audit, nobody": (["audit", "--data", "{free}", "--json"], 2, "No administrator is known"),
    "audit, pause": (["audit", "--pause", "nan"], 2, "--"),
    "backup, nothing": (["backup", "{free}/b", "--data", "{free}", "--json"], 1, "{free}"),
    "backup, no place": (["backup", BLOCKED, "--data", "{free}", "--json"], 1, ""),
    "restore, nothing": (["restore", "{free}", "--data", "{free}/d", "--json"], 1, "is not a backup"),
    "init, no place": (["init", "--secrets", BLOCKED, "--data", "{free}", "--json"], 1, "{blocked}"),
    "init, wait": (["init", "--secrets", "{free}/s", "--wait", "inf"], 2, "--wait"),
    "migrate, wait": (["migrate", "--wait", "nan"], 2, "--"),
    "secrets, no place": (["secrets", "init", BLOCKED, "--json"], 1, "{blocked}"),
    "pages, no place": (["pages", BLOCKED], 1, "{blocked}"),
    "pages, there": (["pages", "{free}"], 1, "{free}"),
    "promote, nobody": (
        ["users", "promote", "ann@example.com", "--data", "{free}", "--json"],
        2,
        "no user.db",
    ),
    "reset, no shop": (["reset", "--yes", "--data", "{foreign}", "--json"], 2, "nothing deleted"),
    "reset, a file": (["reset", "--yes", "--data", "{blocked}"], 2, "{blocked}"),
    "no command": (["sell"], 2, "sell"),
    "no option": (["audit", "--nonsense"], 2, "--nonsense"),
}


@pytest.mark.parametrize("case", CASES)
def test_refusal_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    """What was wrong is named, with its value; --json gives exactly one line."""
    words, code, says = CASES[case]
    places = {name: tmp_path / name for name in ("blocked", "free", "file", "foreign")}
    places["blocked"].touch()
    places["file"].write_text("name,sku,price\n")
    places["free"].mkdir()
    places["foreign"].mkdir()
    (places["foreign"] / "thesis.tex").touch()
    monkeypatch.setattr(sys, "argv", ["store", *(word.format(**places) for word in words)])
    with pytest.raises(SystemExit) as ended:
        main()
    out, errors = capsys.readouterr()
    assert ended.value.code == code, errors
    assert "Traceback" not in errors
    assert "".join(says.format(**places).split()) in "".join(errors.replace("│", " ").split())
    if "--json" in words:
        assert json.loads(out)["error"]
