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
    "up, a URL as host": (["up", "--host", "http://x"], 2, "'http://x' is not an address to listen on"),
    "up, a port in host": (["up", "--host", "127.0.0.1:80"], 2, "is not an address to listen on"),
    "up, no host": (["up", "--host", " "], 2, "is not an address to listen on"),
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


CASES |= {
    "seed, no address": (["seed", "--base-url", "shop"], 2, "'shop' is not a shop address"),
    "import, no file": (["import", "online-retail", "{free}/none.csv"], 2, "there is no file"),
    "import, a folder": (["import", "online-retail", "{free}"], 2, "is a folder"),
    "products, no file": (["import", "products", "{free}/none.csv"], 2, "there is no file"),
    "products, no column": (["import", "products", "{file}", "--map", "colour=x"], 2, "is not FIELD=COLUMN"),
    "replay, a folder": (["replay", "online-retail", "{free}"], 2, "is a folder"),
    "replay, no invoice": (["replay", "online-retail", "--limit", "0"], 2, "--limit"),
    "migrate, SQLite": (["migrate", "--json"], 2, "STORE_DATABASE names no cluster"),
    "restore, a file": (["restore", "{file}", "--data", "{free}/d", "--json"], 1, "is not a backup"),
    "doctor, a port": (["doctor", "--port", "0"], 2, "--port"),
}
NO_SETTING = {"STORE_CURRENCY": "pounds"}
NO_PORT = {"STORE_CART_URL": "http://cart"}
NO_CLUSTER = {"STORE_DATABASE": "cassandra://127.0.0.1:9/?dc=x"}
NO_SHOP = {
    "STORE_ADMIN_EMAIL": "a@shop.example",
    "STORE_ADMIN_PASSWORD": "p",
    "STORE_BASE_URL": "http://127.0.0.1:9",
}
WITH_SETTINGS: dict[str, tuple[dict[str, str], list[str], int, str]] = {
    "up, setting": (NO_SETTING, ["up", "--data", "{free}"], 1, "STORE_CURRENCY"),
    "run, setting": (NO_SETTING, ["run", "cart", "--data", "{free}"], 1, "STORE_CURRENCY"),
    "up, URL": (NO_PORT, ["up", "--data", "{free}"], 1, "STORE_CART_URL must name the port"),
    "run, URL": (NO_PORT, ["run", "cart", "--data", "{free}"], 1, "STORE_CART_URL must name the port"),
    "backup, setting": (NO_SETTING, ["backup", "{free}/b", "--json"], 2, "STORE_CURRENCY"),
    "restore, setting": (NO_SETTING, ["restore", "{free}", "--json"], 2, "STORE_CURRENCY"),
    "migrate, setting": (NO_SETTING, ["migrate", "--json"], 2, "STORE_CURRENCY"),
    "init, setting": (
        NO_SETTING,
        ["init", "--secrets", "{free}/s", "--data", "{free}/d", "--json"],
        2,
        "STORE_CURRENCY",
    ),
    "promote, setting": (
        NO_SETTING,
        ["users", "promote", "a@b.example", "--data", "{free}", "--json"],
        2,
        "STORE_CURRENCY",
    ),
    "pages, setting": (NO_SETTING, ["pages", "{free}/p", "--json"], 2, "STORE_CURRENCY"),
    "pages, URL": (NO_PORT, ["pages", "{free}/p", "--json"], 1, "STORE_CART_URL must name the port"),
    "migrate, no cluster": (NO_CLUSTER, ["migrate", "--wait", "0.1", "--json"], 1, "was not ready within"),
    "migrate, only looking": (
        NO_CLUSTER,
        ["migrate", "--status", "--wait", "0.1", "--json"],
        1,
        "was not ready within",
    ),
    "init, no cluster": (
        NO_CLUSTER,
        ["init", "--secrets", "{free}/s", "--data", "{free}/d", "--wait", "0.1", "--json"],
        1,
        "was not ready within",
    ),
    "import, no shop": (NO_SHOP, ["import", "online-retail", "{ledger}", "--json"], 1, "Is it running?"),
    "products, no shop": (NO_SHOP, ["import", "products", "{file}", "--json"], 1, "Is it running?"),
    "replay, no shop": (NO_SHOP, ["replay", "online-retail", "{ledger}", "--json"], 1, "Is it running?"),
    "seed, no shop": (NO_SHOP, ["seed", "--json"], 1, "Is it running?"),
    "import, encoding": (
        NO_SHOP,
        ["import", "online-retail", "{ledger}", "--encoding", "klingon", "--json"],
        2,
        "klingon",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_refusal_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    """What was wrong is named, with its value; --json gives exactly one line."""
    _refused(CASES[case], tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize("case", WITH_SETTINGS)
def test_refusal_for_a_setting_is_a_sentence(
    tmp_path: Path,
    small_ledger: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    case: str,
) -> None:
    """The variable that is wrong, or what it names, is in the sentence."""
    settings, words, code, says = WITH_SETTINGS[case]
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    words = [word.replace("{ledger}", str(small_ledger)) for word in words]
    _refused((words, code, says), tmp_path, monkeypatch, capsys)


def _refused(
    case: tuple[list[str], int, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words, code, says = case
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
