"""`store import products` with files as other programs write them, against a small shop."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from store_cli.files.amounts import minor_units, whole_number
from store_cli.files.tables import Faulty
from store_cli.importing.product_files import SYNONYMS, guess
from store_cli.main import app
from typer.testing import CliRunner

from launcher.tests.fake_shop import FakeShop
from launcher.tests.test_commands import store, store_json

SHOPIFY = """Handle,Title,Body (HTML),Vendor,Type,Tags,Variant SKU,Variant Inventory Qty,Variant Price,Status
mug,Red Mug,<p>Holds tea</p>,Acme,Mugs,red,MUG-R,12,4.99,active
cup,"Cup, large",,Acme,Cups,,CUP-L,0,7.00,active
"""
WOOCOMMERCE = """ID,Type,SKU,Name,Published,Description,Stock,Regular price,Categories
1,simple,MUG-R,Red Mug,1,Holds tea,12,"4,99",Mugs
2,simple,CUP-L,"Cup, large",1,,,"7",Cups
"""
RUSSIAN = """Артикул;Наименование;Цена;Остаток;Категория;Описание
MUG-R;Red Mug;4,99;12;Mugs;Holds tea
CUP-L;Cup, large;7;0;Cups;
"""
JSON_LINES = """{"sku": "MUG-R", "title": "Red Mug", "price": 4.990, "qty": 12.000, "category": "Mugs", "tags": ["red"]}

{"sku": "CUP-L", "title": "Cup, large", "price": "7.00", "qty": null, "category": "Cups"}
"""


def written(tmp_path: Path, content: str | bytes, name: str = "products.csv") -> Path:
    """Return a file with this in it."""
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def aside(said: dict[str, Any]) -> dict[str, list[int]]:
    """Return reason -> lines of a report."""
    return {reason["reason"]: reason["lines"] for reason in said["left_aside"]}


@pytest.mark.parametrize(
    "content",
    [
        SHOPIFY,
        WOOCOMMERCE,
        RUSSIAN.encode("cp1251"),
        RUSSIAN.replace(";", "\t").encode("utf-16"),
        JSON_LINES,
        gzip.compress(JSON_LINES.encode("utf-8-sig")),
    ],
    ids=["shopify", "woocommerce", "russian excel", "unicode text", "json lines", "json lines, zipped"],
)
def test_files_of_other_programs_are_understood(
    shop: FakeShop, data: Path, tmp_path: Path, content: str | bytes
) -> None:
    """Whatever the columns are called and however it is written: the same two products."""
    code, said = store_json("import", "products", written(tmp_path, content), "--data", data)
    assert (code, said["created"], said["existing"], said["left_aside"]) == (0, 2, 0, [])
    found = {(one.sku, one.price_minor, one.available) for one in shop.products.values()}
    assert found == {("MUG-R", 499, 12), ("CUP-L", 700, 0)}


def test_columns_are_shown_before_anything_is_written(data: Path, tmp_path: Path) -> None:
    """Which column is which field, the encoding and the first product, on stderr."""
    path = written(tmp_path, "Title,Code,Preis\nRed [Mug],MUG-R,4.99\n")
    code, out, errors = store("import", "products", path, "--data", data)
    assert (code, out) == (0, "1 products created, 0 were there already.\n")
    for line in (
        f"{path} (utf-8, separated by ','):",
        "  name        = Title",
        "  price       = Preis",
        "  category    none: all are 'Other'",
        "First: SKU MUG-R, Red [Mug], 4.99 GBP, Other, 0 in stock",
    ):
        assert line in errors


def test_repeat_doubles_and_changes_nothing(shop: FakeShop, data: Path, tmp_path: Path) -> None:
    """A product whose SKU is there stays as it is, its price and stock too."""
    store("import", "products", written(tmp_path, SHOPIFY), "--data", data)
    again = written(tmp_path, SHOPIFY.replace("4.99", "5.99").replace("12", "99"))
    _, said = store_json("import", "products", again, "--data", data)
    assert (said["created"], said["existing"]) == (0, 2)
    assert {one.price_minor for one in shop.products.values()} == {499, 700}


def test_dry_run_judges_and_writes_nothing(shop: FakeShop, data: Path, tmp_path: Path) -> None:
    """The same report as the import would give, also of what only the shop refuses; the shop is not written to."""
    path = written(tmp_path, f"name,sku,price\nMug,A,1\nCup,B,free\n{'N' * 201},C,1\n")
    code, said = store_json("import", "products", path, "--dry-run", "--data", data)
    assert (code, said["dry_run"], said["would_be_sent"]) == (0, True, 1)
    assert [lines for _, lines in sorted(aside(said).items())] == [[3], [4]]
    assert not shop.products
    assert "POST /api/products/batch" not in shop.requests
    _, text, _ = store("import", "products", path, "--dry-run", "--data", data)
    assert text.startswith("1 products would be sent. Nothing was written.\n2 lines")


def test_a_sku_with_blanks_that_nobody_sees_is_the_same_sku(
    shop: FakeShop, data: Path, tmp_path: Path
) -> None:
    """Blanks of any kind around it and invisible characters in it make no other product."""
    rows = ["name,sku,price", "Mug,ABC-1,1.00", "Mug,ABC-1\u00a0,1.00", "Mug,ABC\u00ad-1,1.00"]
    _, said = store_json("import", "products", written(tmp_path, "\n".join(rows)), "--data", data)
    assert [one.sku for one in shop.products.values()] == ["ABC-1"]
    assert aside(said) == {"its SKU is in the file already": [3, 4]}


def test_lines_that_cannot_be_sold_are_left_aside_by_reason(
    shop: FakeShop, data: Path, tmp_path: Path
) -> None:
    """Prices in another currency or with half pennies, blank names, doubled SKUs, odd stock: named by line."""
    rows = ["name,sku,price,stock", "Mug,A,1.00,1", "Mug,B,€1.00,1", "Mug,C,1.005,1", ",D,1,1", "Mug,A,2,1"]
    rows += ["Mug,E,0,1", "Mug,F,1,-1", "Mug,G,1,many", 'Mug,H,"1,000",1', "Mug,I"]
    _, said = store_json("import", "products", written(tmp_path, "\n".join(rows)), "--data", data)
    assert aside(said) == {
        "the price is not in GBP, the currency of the shop": [3],
        "the price has a fraction of a penny": [4],
        "its name or SKU is blank": [5],
        "its SKU is in the file already": [6],
        "the price is not above zero": [7],
        "the stock is below zero": [8],
        "the stock is not a whole number": [9],
        "the price can be read as thousands or as decimals: write it without the comma": [10],
        "it has fewer columns than the first line": [11],
    }
    assert [one.sku for one in shop.products.values()] == ["A"]


def test_json_lines_that_are_no_objects_are_left_aside(shop: FakeShop, data: Path, tmp_path: Path) -> None:
    """A broken line, a list and a number among objects."""
    lines = ['{"name": "Mug", "sku": "A", "price": 1}', '{"name": "Mug"', "[1]", "7"]
    path = written(tmp_path, "\n".join(lines), "products.jsonl")
    _, said = store_json("import", "products", path, "--data", data)
    assert list(aside(said).values()) == [[2, 3, 4]]
    assert len(shop.products) == 1


def test_strict_writes_nothing_of_a_file_with_a_bad_line(shop: FakeShop, data: Path, tmp_path: Path) -> None:
    """The whole file is read before the first product is sent."""
    rows = ["name,sku,price", *(f"Mug {n},S{n},1" for n in range(2000)), "Mug,LAST,free"]
    path = written(tmp_path, "\n".join(rows))
    code, said = store_json("import", "products", path, "--strict", "--data", data)
    assert code == 2
    assert said["error"] == f"{path}: line 2002: the price is not an amount of money ('free')."
    assert not shop.products


def test_map_says_which_column_is_which(shop: FakeShop, data: Path, tmp_path: Path) -> None:
    """--map goes before what is guessed, for names that nobody guesses."""
    path = written(tmp_path, "name,heading,key,price,was\nx,Mug,A,1,2\n")
    words = ("import", "products", path, "--data", data, "--map", "name=heading", "--map", "sku=key")
    _, said = store_json(*words, "--map", "price=was")
    assert said["columns"] == {"name": "heading", "sku": "key", "price": "was"}
    assert [(one.sku, one.price_minor) for one in shop.products.values()] == [("A", 200)]


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        ("a,b\n1,2\n", (), "no column for name, sku, price was found; the columns are: a, b."),
        ("name,price\nMug,1\n", (), "Name it by --map sku=COLUMN"),
        ("name,sku,price\n", ("--map", "name=Title"), "there is no column 'Title' for name; there are: name"),
        ("name,sku,price\n", ("--map", "nme=Title"), "'nme=Title' is not FIELD=COLUMN"),
        ("name,sku,price\n", ("--map", "name"), "'name' is not FIELD=COLUMN"),
        ("name,sku,price\n", ("--encoding", "klingon"), "no encoding 'klingon'"),
        ('[{"name": "Mug"}]', (), "it is one JSON array; write one object a line"),
        ("", (), "it is empty"),
    ],
)
def test_refusals_say_what_to_do(
    shop: FakeShop, data: Path, tmp_path: Path, content: str, options: tuple[str, ...], says: str
) -> None:
    """What cannot be understood is wrong usage, in a sentence; nothing is sent."""
    code, _, errors = store("import", "products", written(tmp_path, content), "--data", data, *options)
    assert code == 2
    assert says in " ".join(errors.replace("│", " ").split())
    assert not shop.products


def test_prices_follow_the_currency_of_the_shop(shop: FakeShop, data: Path, tmp_path: Path) -> None:
    """A shop in yen has no decimals; 1 234 is what it says there."""
    shop.currency = "JPY"
    store("import", "products", written(tmp_path, "name,sku,price\nMug,A,¥1234\n"), "--data", data)
    assert [one.price_minor for one in shop.products.values()] == [1234]


def test_products_come_from_the_standard_input(shop: FakeShop, data: Path) -> None:
    """`... | store import products -`."""
    done = CliRunner().invoke(
        app, ["import", "products", "-", "--json", "--data", str(data)], input=JSON_LINES
    )
    assert json.loads(done.stdout)["created"] == 2
    assert len(shop.products) == 2


@pytest.mark.parametrize("synonyms", SYNONYMS.values())
def test_every_synonym_is_written_as_it_is_compared(synonyms: str) -> None:
    """A synonym with a blank, a sign or a capital would never be found."""
    assert all(name.isalnum() and name == name.casefold() for name in synonyms.split())


def test_better_names_win() -> None:
    """`Name` is the name even where a `Title` stands before it; one column is one field."""
    layout = guess(["Title", "Name", "SKU", "Price", "Type"], "", {})
    assert layout.columns == {"name": "Name", "sku": "SKU", "price": "Price", "category": "Type"}


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("2.55", 255), ("2,55", 255), ("2", 200), ("2.5", 250), (".5", 50), ("1,234.50", 123450), ("1.234,50", 123450),
        ("1 234,50", 123450), ("1\u00a0234,50", 123450), ("1'234.50", 123450), ("1.234.567", 123456700), ("£2.55", 255),
        ("2.55 GBP", 255), ("-2.55", -255), ("2.550", 255), ("+3", 300), ("0.000", 0),
    ],
)  # fmt: skip
def test_amounts_are_read_exactly(text: str, minor: int) -> None:
    """As English, Germans, French, Swiss and programs write them."""
    assert minor_units(text, "GBP", "the price") == minor


@pytest.mark.parametrize(
    "text",
    ["", "-", ".", "free", "1e3", "NaN", "1,234", "12,34.5", "1.2.3", "1,2,3", "$2", "2 EUR", "1-2", "--2", "2.555",
     "２.５", "1" * 19, "0x10", "2;5", "£", "2.55 each"],
)  # fmt: skip
def test_amounts_that_cannot_be_meant_are_refused(text: str) -> None:
    """Nothing is guessed, rounded or converted."""
    with pytest.raises(Faulty):
        minor_units(text, "GBP", "the price")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("6", 6),
        ("6.0", 6),
        ("-4", -4),
        ("1 000", 1000),
        ("+2", 2),
        ("6.00", 6),
        ("0.000", 0),
        ("1000,000", 1000),
    ],
)
def test_whole_numbers(text: str, number: int) -> None:
    """Also as pandas writes them, and with blanks between thousands."""
    assert whole_number(text, "the stock") == number


@pytest.mark.parametrize("text", ["1,000", "12.000", "-1,000", "1,234", "6.5", "1e3", ""])
def test_numbers_that_may_be_thousands_are_refused(text: str) -> None:
    """A stock of one thousand does not become one: what has two readings is left aside."""
    with pytest.raises(Faulty):
        whole_number(text, "the stock")


@pytest.mark.parametrize(
    "command", [("import", "products"), ("import", "online-retail"), ("replay", "online-retail")]
)
def test_file_that_is_not_there_is_wrong_usage(data: Path, tmp_path: Path, command: tuple[str, ...]) -> None:
    """A missing file and a folder are named before anything else is looked at."""
    for path, says in ((tmp_path / "none.csv", "there is no file"), (tmp_path, "is a folder")):
        code, _, errors = store(*command, path, "--data", data)
        assert (code, says in " ".join(errors.replace("│", " ").split())) == (2, True), errors
