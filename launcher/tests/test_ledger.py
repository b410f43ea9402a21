from pathlib import Path

import pytest
from store_cli.files.left_aside import LeftAside
from store_cli.files.opening import FileError
from store_cli.importing.ledger import (
    Invoice,
    InvoiceLine,
    Ledger,
    ledger_of,
    read_ledger,
    sale_lines,
    shipped_ledger,
    shopper_key,
    units_by_sku,
)
from store_cli.importing.sending import batches, ledger_catalogue

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"


def ledger(*rows: str, strict: bool = False) -> Ledger:
    left_aside = LeftAside(strict=strict)
    return ledger_of(sale_lines([HEADER, *(f"{row}\n" for row in rows)], left_aside), left_aside)


def row(
    invoice: str = "1",
    sku: str = "A",
    name: str = "MUG",
    quantity: str = "1",
    price: str = "1.00",
    customer: str = "7.0",
) -> str:
    return f"{invoice},{sku},{name},{quantity},2010-12-01 08:26:00,{price},{customer},France"


@pytest.fixture(scope="module")
def shipped() -> Ledger:
    return read_ledger(shipped_ledger())


def test_shipped_ledger_has_the_numbers_it_is_known_for(shipped: Ledger) -> None:
    """The shipped file: 3 745 orders, 100 994 lines, 1 030 579 units, 203 145 916 pence, 3 084 products."""
    price = {product.sku: product.price_minor for product in shipped.products}
    needed = units_by_sku(shipped.invoices)
    assert len(shipped.invoices) == 3745
    assert sum(len(invoice.lines) for invoice in shipped.invoices) == 100_994
    assert sum(needed.values()) == 1_030_579
    assert sum(price[sku] * units for sku, units in needed.items()) == 203_145_916
    assert len(shipped.products) == len(price) == 3084


def test_shipped_ledger_is_within_the_caps_of_a_cart(shipped: Ledger) -> None:
    """The largest merged line is 74 215 units, the longest order 674 lines."""
    assert max(line.quantity for invoice in shipped.invoices for line in invoice.lines) == 74_215
    assert max(len(invoice.lines) for invoice in shipped.invoices) == 674


def test_units_sold_of_a_product_are_what_its_invoices_need(shipped: Ledger) -> None:
    """Stock given by the ledger's units sold is used up exactly by its invoices."""
    assert {product.sku: product.units_sold for product in shipped.products} == units_by_sku(shipped.invoices)


def test_demo_catalogue_comes_in_batches(shipped: Ledger) -> None:
    """The catalogue of the demo shop is every product of the ledger, with stock, in batches."""
    found = list(batches(ledger_catalogue(read_ledger(shipped_ledger())), 1000))
    assert [len(batch) for batch in found] == [1000, 1000, 1000, 84]
    assert [product.data["sku"] for batch in found for product in batch] == [p.sku for p in shipped.products]
    assert set(found[0][0].data) == {"sku", "name", "category", "price_minor", "stock"}


def test_most_frequent_price_wins() -> None:
    """A product's price is the most frequent of its sale lines, whatever was asked for last."""
    found = ledger(row(price="2.55"), row(price="2.55"), row(price="3.00"))
    assert found.products[0].price_minor == 255


def test_price_tie_goes_to_the_one_seen_last_in_the_file() -> None:
    """Of two equally frequent prices, the one whose last line comes later is the price."""
    assert (
        ledger(row(price="2"), row(price="3"), row(price="3"), row(price="2")).products[0].price_minor == 200
    )
    assert (
        ledger(row(price="2"), row(price="2"), row(price="3"), row(price="3")).products[0].price_minor == 300
    )


def test_lines_that_sold_nothing_have_no_say() -> None:
    """Returns, gifts and corrections count neither for prices and names nor as orders."""
    found = ledger(
        row(price="5"),
        row(invoice="C2", quantity="-1", price="9", name="RETURN"),
        row(invoice="3", price="0.0", name="GIFT"),
        row(invoice="4", quantity="0", price="9"),
        row(invoice="5", sku="B", quantity="-3", price="0"),
    )
    assert [(p.sku, p.name, p.price_minor) for p in found.products] == [("A", "MUG", 500)]
    assert [invoice.number for invoice in found.invoices] == ["1"]


def test_name_is_the_most_frequent_description_without_its_margins() -> None:
    """The name is the most frequent description; blanks around it are not part of it."""
    assert ledger(row(name="CUP"), row(name="MUG "), row(name="MUG ")).products[0].name == "MUG"


def test_stock_codes_are_products_exactly_as_written() -> None:
    """`m` and `M` are two products."""
    assert [product.sku for product in ledger(row(sku="M"), row(sku="m")).products] == ["M", "m"]


def test_lines_of_one_product_are_merged_within_an_invoice() -> None:
    """Two lines of a product on one invoice become one line of the order."""
    found = ledger(row(quantity="2"), row(sku="B"), row(quantity="3"), row(invoice="2", quantity="7"))
    assert found.invoices[0].lines == (InvoiceLine("A", 5), InvoiceLine("B", 1))
    assert found.invoices[1].lines == (InvoiceLine("A", 7),)


@pytest.mark.parametrize(
    ("text", "minor"), [("0.01", 1), ("2.55", 255), ("1.1", 110), ("8142.75", 814_275), ("7", 700)]
)
def test_money_is_read_exactly(text: str, minor: int) -> None:
    """A decimal price becomes pence without any floating point between."""
    assert ledger(row(price=text)).products[0].price_minor == minor


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (row(quantity="1.5"), "Quantity is not a whole number"),
        (row(quantity="9" * 5000), "Quantity is not a whole number"),
        (row(price="free"), "UnitPrice is not an amount of money"),
        (row(price="NaN"), "UnitPrice is not an amount of money"),
        (row(price="1E3"), "UnitPrice is not an amount of money"),
        (row(price="0.001"), "UnitPrice has a fraction of a penny"),
        (row(sku=" "), "InvoiceNo or StockCode is blank"),
        ("1,A", "it has fewer columns than the first line"),
        (row(name="MUG, RED"), "it has more columns than the first line"),
    ],
)
def test_line_that_cannot_be_sold_is_left_aside(broken: str, reason: str) -> None:
    """A sale that cannot be sold as it stands is left aside by its line; the lines around it are sold."""
    found = ledger(row(), broken, row(invoice="2"))
    assert [invoice.number for invoice in found.invoices] == ["1", "2"]
    assert found.left_aside.values() == [{"reason": reason, "count": 1, "lines": [3]}]


def test_returns_are_not_left_aside_whatever_they_cost() -> None:
    """What was not sold is no fault of the file, even at a price that nobody can pay."""
    found = ledger(row(), row(quantity="-1", price="0.001"), row(price="-11062.06"))
    assert not found.left_aside.values()


def test_many_lines_of_one_reason_are_counted_and_the_first_are_named() -> None:
    """Four hundred bad lines are one sentence, with the first five of them by number."""
    found = ledger(row(), *[row(price="0.001")] * 400)
    (reason,) = found.left_aside.values()
    assert (reason["count"], reason["lines"]) == (400, [3, 4, 5, 6, 7])
    assert "400 lines: UnitPrice has a fraction of a penny ('0.001'); lines 3, 4, 5, 6, 7, ..." in (
        found.left_aside.text()
    )


def test_strict_refuses_the_first_line_that_would_be_left_aside() -> None:
    """--strict: nothing is left aside, the file is refused by line, column and value."""
    with pytest.raises(FileError, match=r"line 3: UnitPrice has a fraction of a penny \('0.001'\)"):
        ledger(row(), row(price="0.001"), strict=True)


def test_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    """A file without the ledger's columns, or that is no text at all, is refused with a reason."""
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    with pytest.raises(FileError, match="no column InvoiceNo"):
        read_ledger(other)
    other.write_bytes(b"\x1f\x8bnot really gzip")
    with pytest.raises(FileError, match="damaged gzip"):
        read_ledger(other)


def test_plain_csv_is_read_like_a_zipped_one(tmp_path: Path) -> None:
    """A ledger need not be gzipped."""
    plain = tmp_path / "ledger.csv"
    plain.write_text(HEADER + row() + "\n")
    assert len(read_ledger(plain).products) == 1


def test_blank_customer_is_known_by_the_invoice() -> None:
    """An invoice belongs to its customer, one without a customer to itself; none can be mistaken."""
    assert shopper_key(Invoice("536365", "17850", ())) == "customer:17850"
    assert shopper_key(Invoice("536544", "", ())) == "invoice:536544"
    assert ledger(row(customer="17850.0")).invoices[0].customer == "17850"


def test_a_code_is_the_same_with_blanks_and_invisible_characters() -> None:
    """`ABC-1`, `ABC-1 ` and one with a soft hyphen are one product: an import doubles nothing."""
    head = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
    codes = ("ABC-1", "ABC-1 ", "\u00a0ABC-1", "ABC\u00ad-1", "\ufeffABC-1")
    rows = [f"{number},{code},Cafe\u0301 cup,1,2010,1.00,7,UK\n" for number, code in enumerate(codes, 1)]
    read = ledger_of(sale_lines([head, *rows], LeftAside(strict=True)), LeftAside())
    assert [(product.sku, product.name) for product in read.products] == [("ABC-1", "Caf\u00e9 cup")]
