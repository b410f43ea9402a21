import gzip
import io
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from store_cli.files.left_aside import LeftAside
from store_cli.files.opening import FileError, opened
from store_cli.files.tables import read_table
from store_cli.importing.ledger import Ledger, read_ledger, units_by_sku

from launcher.tests.real_files import LEFT_ASIDE, SOLD, as_csv, messy_rows, sale

MESSY = as_csv(messy_rows())


def lines_of(ledger: Ledger) -> dict[str, list[int]]:
    """Return reason -> lines of what was left aside."""
    return {reason["reason"]: reason["lines"] for reason in ledger.left_aside.values()}


def must_be_the_messy_one(ledger: Ledger) -> None:
    """Pass when a ledger is what `messy_rows` says."""
    products = {product.sku: product for product in ledger.products}
    assert {sku: product.name for sku, product in products.items() if sku != "LONG"} == {
        "CAFE": "CAFÉ AU LAIT BOWL",
        "QUOTED": 'SIGN "HOME", TWO LINES',
        "EURO": "€ PURSE",
    }
    assert products["LONG"].line == 9
    assert units_by_sku(ledger.invoices) == {"CAFE": 6, "QUOTED": 3, "EURO": 5, "LONG": 1}
    assert lines_of(ledger) == LEFT_ASIDE


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
@pytest.mark.parametrize(("separator", "line_end"), [(",", "\n"), (";", "\r\n"), ("\t", "\r\n"), ("|", "\n")])
@pytest.mark.parametrize("zipped", [False, True])
def test_ledger_is_read_in_any_spelling(
    tmp_path: Path, encoding: str, separator: str, line_end: str, *, zipped: bool
) -> None:
    """Encoding, signature, separator, line ends and gzip change nothing of what a file says."""
    file = tmp_path / "ledger"
    content = as_csv(messy_rows(), separator, line_end).encode(encoding)
    file.write_bytes(gzip.compress(content) if zipped else content)
    must_be_the_messy_one(read_ledger(file))


def test_decimal_commas_and_the_line_that_names_the_separator(tmp_path: Path) -> None:
    """A German Excel writes `sep=;` first and 2,55; lines are counted as an editor counts them."""
    file = tmp_path / "ledger.csv"
    rows = [
        sale(1, "A", "MUG", 2, "1.234,50"),
        sale(1, "B", "CUP", 1, "2,555"),
        sale(1, "C", "CAP", 1, "2,55"),
    ]
    file.write_text("sep=;\n" + as_csv(iter(rows), ";"))
    found = read_ledger(file)
    assert [product.price_minor for product in found.products] == [123_450, 255]
    assert lines_of(found) == {
        "UnitPrice can be read as thousands or as decimals: write it without the comma": [4]
    }


def test_columns_of_the_second_edition(tmp_path: Path) -> None:
    """Online Retail II calls its columns Invoice, Price and Customer ID."""
    file = tmp_path / "ledger.csv"
    file.write_text(
        "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n1,A,MUG,2,,2.5,7,UK\n"
    )
    assert read_ledger(file).products[0].price_minor == 250


def test_one_damaged_line_does_not_make_it_another_encoding(tmp_path: Path) -> None:
    """In a UTF-8 file with one broken line that line is left aside, and all others keep their accents."""
    file = tmp_path / "ledger.csv"
    rows = [sale(1, "A", "CAFÉ", 1, "1"), sale(1, "B", "TÉ", 1, "1"), sale(1, "X", "BROKEN", 1, "1")]
    file.write_bytes(as_csv(iter(rows)).encode().replace(b"BROKEN", b"BR\xffKEN"))
    found = read_ledger(file)
    assert [product.name for product in found.products] == ["CAFÉ", "TÉ"]
    assert list(lines_of(found).values()) == [[4]]


def test_russian_windows(tmp_path: Path) -> None:
    """What a Russian Excel saves is told from what a Western one does; --encoding overrules."""
    file = tmp_path / "ledger.csv"
    file.write_bytes(as_csv(iter([sale(1, "A", "КРУЖКА БОЛЬШАЯ", 1, "1")])).encode("cp1251"))
    assert read_ledger(file).products[0].name == "КРУЖКА БОЛЬШАЯ"
    assert read_ledger(file, encoding="koi8-r").products[0].name != "КРУЖКА БОЛЬШАЯ"


def test_file_is_read_once_from_a_pipe(tmp_path: Path) -> None:
    """A pipe gives its bytes once, in pieces of any size: `<(...)`, `/dev/stdin`, a named pipe."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = gzip.compress(MESSY.encode())

    def give() -> None:
        with pipe.open("wb", buffering=0) as end:
            for byte in (content[:1], content[1:5], content[5:]):
                end.write(byte)

    giver = threading.Thread(target=give)
    giver.start()
    must_be_the_messy_one(read_ledger(pipe))
    giver.join(timeout=10)


def test_dash_is_the_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` reads the standard input."""
    stdin: Any = io.TextIOWrapper(io.BytesIO(MESSY.encode("cp1252")))
    monkeypatch.setattr("sys.stdin", stdin)
    must_be_the_messy_one(read_ledger(Path("-")))


def damaged_archives() -> dict[str, bytes]:
    """Return gzip archives with each kind of damage."""
    whole = gzip.compress(MESSY.encode() * 50)
    return {
        "cut short": whole[:-100],
        "only a head": whole[:10],
        "wrong checksum": whole[:-8] + b"\0\0\0\0" + whole[-4:],
        "damaged data": whole[:20] + b"\xff" * 40 + whole[60:],
        "rubbish behind": whole + b"rubbish",
        "no archive": b"\x1f\x8bnot really",
    }


@pytest.mark.parametrize("damage", damaged_archives())
def test_damaged_archive_is_a_sentence(tmp_path: Path, damage: str) -> None:
    """Whatever is broken in a gzip file: its name, that it is damaged, and what to do."""
    file = tmp_path / "ledger.csv.gz"
    file.write_bytes(damaged_archives()[damage])
    with pytest.raises(FileError, match=r"ledger\.csv\.gz is a damaged gzip archive: .*Get it again"):
        read_ledger(file)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "it is empty"),
        (b"\n \n", "it is empty"),
        (b"PK\x03\x04....", "a workbook or a zip archive: save it as CSV"),
        (b"\xd0\xcf\x11\xe0....", "old Excel workbook"),
        (b"BZh91AY", "unpack it first"),
        (b"\x00\x01\x02\x03" * 100, "no column InvoiceNo"),
        (MESSY.encode("utf-16") + b"x", "not text in utf-16"),
        (MESSY.encode() + b'7,A,"' + b"never closed\n" * 20_000, "line 16: .*a quote is opened there"),
    ],
)
def test_what_is_no_table_is_a_sentence(tmp_path: Path, content: bytes, says: str) -> None:
    """Files that cannot be read at all are named, with the reason and a way out."""
    file = tmp_path / "ledger.csv"
    file.write_bytes(content)
    with pytest.raises(FileError, match=says) as refused:
        read_ledger(file)
    assert str(file) in str(refused.value)


@pytest.mark.parametrize("swallowed", [0, 3])
@pytest.mark.parametrize("end", ['4,D,"TOP",1,,1,7,UK', '4,D,"TOP",1,,1,7,UK,UK', '"4","D"'])
def test_quote_that_is_closed_lines_later_is_told(tmp_path: Path, end: str, swallowed: int) -> None:
    """Lines that a forgotten quote joined are left aside, all of them counted, also when they look like one record."""
    file = tmp_path / "ledger.csv"
    good = as_csv(iter([sale(1, "A", "MUG", 1, "1")]))
    file.write_text(good + '2,B,"CUP,1,,1,7,UK\n' + "3,C,CAP,1,,1,7,UK\n" * swallowed + f"{end}\n")
    found = read_ledger(file)
    ((reason, lines),) = lines_of(found).items()
    assert "quote" in reason
    assert (lines, len(found.left_aside)) == ([3], 2 + swallowed)


def test_unknown_encoding_is_refused(tmp_path: Path) -> None:
    """An encoding that there is not is named before the file is read."""
    with pytest.raises(FileError, match="no encoding 'klingon'"), opened(tmp_path / "none", "klingon"):
        pass


def test_lines_are_counted_as_an_editor_does() -> None:
    """Quoted line ends count; a record is named by its first line."""
    table = read_table(["\n", "a,b\n", '1,"x\n', 'y"\n', "\n", ",\n", "2,z\n"])
    assert [(record.line, record.until) for record in table.records] == [(3, 4), (7, 7)]


def test_nothing_left_aside_says_nothing() -> None:
    """A report of a clean file has no further line."""
    assert (LeftAside().text(), LeftAside().values()) == ("", [])


def test_what_messy_rows_sell() -> None:
    """The generator's own figures are right."""
    assert SOLD == {"orders": 3, "lines": 4, "units": 14, "total_minor": 3720}
