"""Products from another program's file: CSV or JSON Lines, with columns of any name.

The names of columns are guessed and can be said. Every product needs a name, a SKU (so that a repeat doubles nothing)
and a price; category, stock and description are taken where there are any.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Final

from store_cli.files.amounts import minor_units, whole_number
from store_cli.files.left_aside import LeftAside
from store_cli.files.opening import FileError, Text
from store_cli.files.tables import Faulty, Record, checked, one_line, read_table
from store_cli.importing.sending import Listed, ProductData

NEEDED: Final = ("name", "sku", "price")
NO_CATEGORY: Final = "Other"
SYNONYMS: Final[Mapping[str, str]] = {
    "name": """name title productname producttitle product itemname item displayname itemtitle bezeichnung artikelname
        titel nom название наименование товар""",
    "sku": """sku variantsku productsku stockcode itemcode productcode articlenumber articleno article itemnumber
        itemno partnumber code artikelnummer artikelnr référence reference артикул код""",
    "price": """price variantprice regularprice unitprice priceamount retailprice listprice sellingprice preis
        verkaufspreis prix цена""",
    "category": """category categories productcategory producttype type department group kategorie warengruppe catégorie
        категория""",
    "stock": """stock variantinventoryqty stockquantity quantity qty inventory inventoryquantity onhand available
        stocklevel bestand lagerbestand остаток количество""",
    "description": """description bodyhtml body longdescription productdescription details shortdescription beschreibung
        описание""",
}
"""Field -> what its column is called elsewhere (Shopify, WooCommerce and others), best first; see `_plain`."""
_LOOKED_AT: Final = 100
"""Objects whose keys are the columns of a file of JSON lines."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Which column of the file is which field, and how the file is written."""

    columns: Mapping[str, str]
    """Field -> the file's own name for it."""
    written: str


def guess(columns: Sequence[str], written: str, said: Mapping[str, str]) -> Layout:
    """Return which column is which field; what was said goes before what is guessed.

    Raises:
        FileError: a column that was said is not there, or a needed one is not found.
    """
    for field, column in said.items():
        if column not in columns:
            raise FileError(f"there is no column '{column}' for {field}; there are: {', '.join(columns)}")
    found = dict(said)
    for field, synonyms in SYNONYMS.items():
        plain = {_plain(column): column for column in reversed(columns) if column not in found.values()}
        name = next((name for name in synonyms.split() if name in plain), None)
        if field not in found and name is not None:
            found[field] = plain[name]
    if missing := [field for field in NEEDED if field not in found]:
        raise FileError(
            f"no column for {', '.join(missing)} was found; the columns are: {', '.join(columns)}. "
            f"Name it by --map {missing[0]}=COLUMN"
        )
    return Layout({field: found[field] for field in SYNONYMS if field in found}, written)


class ProductFile:
    """The products of an open file; it may be read more than once.

    Raises:
        FileError: a needed column is missing, or it is not a table.
    """

    def __init__(self, text: Text, said: Mapping[str, str], currency: str) -> None:
        self._text, self._currency = text, currency
        columns, _, separator = self._open()
        kind = "JSON lines" if separator is None else f"separated by {separator!r}"
        self.layout = guess(columns, f"{text.encoding}, {kind}", said)

    def products(self, left_aside: LeftAside) -> Iterator[Listed]:
        """Yield what can be sold, from the beginning of the file."""
        columns, records, _ = self._open()
        places = {field: columns.index(column) for field, column in self.layout.columns.items()}
        needed = max(places[field] for field in NEEDED) + 1
        seen: dict[str, int] = {}
        for record in records:
            try:
                values = checked(record, len(columns), needed)
                found = {field: values[at] if at < len(values) else "" for field, at in places.items()}
                data = self._product(found)
                if (first := seen.setdefault(str(data["sku"]), record.line)) != record.line:
                    raise Faulty("its SKU is in the file already", f"{data['sku']}, line {first}")  # noqa: TRY301
            except Faulty as fault:
                left_aside.fault(fault, record)
            else:
                yield Listed(data, record.line)

    def _open(self) -> tuple[Sequence[str], Iterator[Record], str | None]:
        lines = self._text.lines
        lines.seek(0)
        first = next((line for line in lines if line.strip()), "")
        lines.seek(0)
        if first.lstrip()[:1] == "[":
            raise FileError("it is one JSON array; write one object a line, for example by: jq -c '.[]'")
        if first.lstrip()[:1] == "{":
            columns, records = _json_lines(lines)
            return columns, records, None
        table = read_table(lines)
        return table.columns, table.records, table.separator

    def _product(self, found: Mapping[str, str]) -> ProductData:
        sku, name = one_line(found["sku"]), one_line(found["name"])
        if not (sku and name):
            raise Faulty("its name or SKU is blank")
        price = minor_units(found["price"].strip(), self._currency, "the price")
        if price <= 0:
            raise Faulty("the price is not above zero", found["price"])
        stock = whole_number(found.get("stock", "").strip() or "0", "the stock")
        if stock < 0:
            raise Faulty("the stock is below zero", found["stock"])
        return {
            "sku": sku,
            "name": name,
            "category": one_line(found.get("category", "")) or NO_CATEGORY,
            "price_minor": price,
            "stock": stock,
            "description": found.get("description", "").strip(),
        }


def _plain(column: str) -> str:
    """Return a column's name without blanks, signs and case: `Variant SKU` is `variantsku`."""
    return "".join(letter for letter in column.casefold() if letter.isalnum())


def _json_lines(lines: Iterable[str]) -> tuple[Sequence[str], Iterator[Record]]:
    """Return the keys of the first objects, and a record of all lines with something in them."""
    parsed = ((number, _object(line)) for number, line in enumerate(lines, 1) if line.strip())
    first = list(islice(parsed, _LOOKED_AT))
    columns = list(dict.fromkeys(key for _, found in first for key in found or ()))
    return columns, (
        # What is not an object has no values: it is left aside as a row that is too short.
        Record(number, number, [] if found is None else [_written(found.get(key)) for key in columns], "")
        for number, found in chain(first, parsed)
    )


def _object(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line, parse_float=_decimal, parse_int=str)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _decimal(number: str) -> str:
    """Return a number of JSON, which has no signs between thousands, so that it has one reading: 6.000 is 6."""
    return number if "e" in number.lower() else number.rstrip("0").removesuffix(".")


def _written(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
