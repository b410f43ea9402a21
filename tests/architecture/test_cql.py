"""Every statement that is sent to Cassandra, and every table there, keeps the rules of docs/database.md."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from store_kit.cassandra.schema import statements

from tests.architecture.tree import PACKAGES, SERVICES

SERVICES_IN_CASSANDRA = [name for name in SERVICES if (PACKAGES[name] / "schema" / "cassandra").is_dir()]
VERBS = ("SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", "DELETE ", "BEGIN ", "TRUNCATE ")
COMPACTIONS = ("LeveledCompactionStrategy", "TimeWindowCompactionStrategy", "SizeTieredCompactionStrategy")
NAME, VALUE = r"[a-z_]+", r"(?:\?|'[^']*'|-?\d+)"


@dataclass(frozen=True)
class Table:
    """A table as its schema file makes it."""

    name: str
    partition: tuple[str, ...]
    clustering: tuple[str, ...]
    options: str

    @property
    def expires(self) -> bool:
        """Whether its rows have a TTL of their own accord."""
        return "default_time_to_live" in self.options


@dataclass(frozen=True)
class Sent:
    """A statement in the code."""

    place: str
    cql: str

    @property
    def table(self) -> str:
        found = re.search(rf"(?:FROM|INTO|^UPDATE)\s+({NAME})", self.cql)
        assert found, f"{self.place} names no table: {self.cql}"
        return found[1]

    @property
    def where(self) -> str:
        """The part between WHERE and what follows it."""
        found = re.search(r"\bWHERE\b(.*?)(?:\bLIMIT\b|\bORDER\b|\bIF\b|$)", self.cql)
        return found[1] if found else ""

    @property
    def conditional(self) -> bool:
        return " IF " in self.cql

    def __str__(self) -> str:
        return self.place


def names(text: str) -> tuple[str, ...]:
    """Split a list of column names."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def schema(service: str) -> list[str]:
    """Return the statements of a service's schema files."""
    folder = PACKAGES[service] / "schema" / "cassandra"
    return [part for file in sorted(folder.glob("*.cql")) for part in statements(file.read_text())]


def table_of(statement: str) -> Table:
    """Read a CREATE TABLE statement."""
    found = re.fullmatch(
        rf"CREATE TABLE IF NOT EXISTS ({NAME}) \((.*)\)\s*WITH (.*)", " ".join(statement.split())
    )
    assert found, f"not repeatable, not understood, or without options: {statement[:80]}"
    name, body, options = found.groups()
    key = re.search(r"PRIMARY KEY \((?:\(([^)]*)\)|([a-z_]+))\s*,?([^)]*)\)", body)
    single = re.search(rf"({NAME}) \w+ PRIMARY KEY", body)
    assert key or single, f"{name} has no primary key"
    partition = names(key[1] or key[2]) if key else names(single[1] if single else "")
    return Table(name, partition, names(key[3]) if key else (), options)


def tables(service: str) -> dict[str, Table]:
    """Return the tables of a service."""
    made = [table_of(part) for part in schema(service) if part.startswith("CREATE TABLE")]
    return {table.name: table for table in made}


def modules(service: str) -> list[Path]:
    """Return the modules that may speak to Cassandra."""
    return sorted({*PACKAGES[service].rglob("cassandra*.py"), *PACKAGES[service].rglob("cassandra/*.py")})


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield every text of a module that begins like a statement; one with something filled in ends with dots."""
    filled = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            first = node.values[0]
            text = (str(first.value) if isinstance(first, ast.Constant) else "") + "..."
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in filled:
            text = node.value
        else:
            continue
        if text.startswith(VERBS):
            yield node.lineno, text


def sent(service: str) -> list[Sent]:
    """Return the statements of a service."""
    return [
        Sent(f"{service}/{path.name}:{line}", cql)
        for path in modules(service)
        for line, cql in texts(ast.parse(path.read_text()))
    ]


TABLES = {service: tables(service) for service in SERVICES_IN_CASSANDRA}
SENT = {service: sent(service) for service in SERVICES_IN_CASSANDRA}
EVERY_TABLE = [
    pytest.param(service, table, id=f"{service}.{table.name}")
    for service, found in TABLES.items()
    for table in found.values()
]
EVERY_STATEMENT = [
    pytest.param(service, one, id=one.place) for service, found in SENT.items() for one in found
]


def test_there_are_tables_and_statements() -> None:
    """What follows looks at something."""
    assert {"store_catalog", "store_order"} <= set(SERVICES_IN_CASSANDRA)
    assert all(len(found) > 1 for found in (*TABLES.values(), *SENT.values()))


@pytest.mark.parametrize("service", SERVICES_IN_CASSANDRA)
def test_a_schema_makes_tables_and_nothing_else(service: str) -> None:
    """No secondary index, no materialized view, no type, no function; a later file may add a column."""
    for statement in schema(service):
        assert re.match(r"CREATE TABLE IF NOT EXISTS |ALTER TABLE \w+ (ADD IF NOT EXISTS|WITH) ", statement)


def about(service: str, table: Table) -> list[str]:
    """Return the statements that make or change a table, in their order."""
    return [part for part in schema(service) if re.match(rf"\w+ TABLE (IF NOT EXISTS )?{table.name} ", part)]


@pytest.mark.parametrize(("service", "table"), EVERY_TABLE)
def test_a_table_says_how_large_it_gets_and_how_it_is_compacted(service: str, table: Table) -> None:
    """Its comment bounds a partition in figures; compaction is chosen; reads ask another replica soon, always."""
    comment = re.search(r"comment = '([^']+)'", table.options)
    assert comment, f"{service}.{table.name} has no comment"
    assert re.search(r"\d|\b(one|two|three|four|nine|some tens)\b", comment[1]), comment[1]
    compaction = re.search(r"compaction = \{'class': '(\w+)'", table.options)
    assert compaction, f"{service}.{table.name} leaves its compaction to the default"
    assert compaction[1] in COMPACTIONS
    retries = re.findall(r"speculative_retry = ('[^']+')", " ".join(about(service, table)))
    assert retries[-1] == "'50ms'"


@pytest.mark.parametrize(("service", "table"), EVERY_TABLE)
def test_a_table_is_used(service: str, table: Table) -> None:
    """Every table is written and read by some statement."""
    sent = [one for one in SENT[service] if one.table == table.name]
    assert any(one.cql.startswith("SELECT") for one in sent)
    assert any(not one.cql.startswith("SELECT") for one in sent)


@pytest.mark.parametrize(("service", "table"), EVERY_TABLE)
def test_rows_that_are_compacted_by_time_expire(service: str, table: Table) -> None:
    """Windows of time pay off only where all of a window goes at once."""
    if "TimeWindow" in table.options and not table.expires:
        written = [one.cql for one in SENT[service] if one.table == table.name and one.cql[0] in "IU"]
        assert all("USING TTL" in cql for cql in written)


def test_stock_has_no_ttl_of_its_own_accord() -> None:
    """A hold that expired would lose units: only statements say what expires."""
    assert not TABLES["store_catalog"]["shelves"].expires
    (hold,) = [
        one.cql for one in SENT["store_catalog"] if one.cql.startswith("INSERT") and "quantity" in one.cql
    ]
    assert "TTL" not in hold


@pytest.mark.parametrize(("service", "one"), EVERY_STATEMENT)
def test_a_statement_names_one_whole_partition(service: str, one: Sent) -> None:
    """Nothing filters, counts or scans, and nothing asks for several partitions at once."""
    assert not one.cql.endswith("..."), f"{one} is put together: {one.cql}"
    assert not re.search(
        r"ALLOW FILTERING|COUNT\(|TOKEN\(|\bBATCH\b|TRUNCATE|PER PARTITION", one.cql, re.IGNORECASE
    )
    table = TABLES[service].get(one.table)
    assert table, f"{one}: {service} has no table {one.table}"
    if one.cql.startswith("INSERT"):
        columns = re.search(r"INTO \w+ \(([^)]*)\)", one.cql)
        assert columns
        named = set(names(columns[1]))
        assert set(table.partition) <= named
        assert set(table.clustering) & named in (
            set(table.clustering),
            set(),
        )  # none: columns that are static
        return
    for column in table.partition:
        assert re.search(rf"\b{column} = {VALUE}", one.where), f"{one} does not name {column}: {one.cql}"


@pytest.mark.parametrize(("service", "one"), EVERY_STATEMENT)
def test_a_statement_filters_only_by_the_order_of_rows(service: str, one: Sent) -> None:
    """Behind the partition only clustering columns are compared, the first ones first; lists (IN) are of those only."""
    table = TABLES[service][one.table]
    key = (*table.partition, *table.clustering)
    compared = [
        column for group in re.findall(rf"({NAME})(?: [=<>]| IN|\,|\))", one.where) for column in (group,)
    ]
    assert set(compared) <= set(key), f"{one} filters: {one.cql}"
    in_order = [column for column in key if column in compared]
    assert in_order == list(key[: len(in_order)]), f"{one} skips a column: {one.cql}"
    lists = re.findall(rf"(?:({NAME})|\(([a-z_, ]+)\)) IN", one.where)
    assert not {column for single, several in lists for column in (single, *names(several))} & set(
        table.partition
    )


@pytest.mark.parametrize(("service", "one"), EVERY_STATEMENT)
def test_a_write_names_whole_rows(service: str, one: Sent) -> None:
    """No write deletes or changes a range of rows: each names the full key, but for columns that are static."""
    table = TABLES[service][one.table]
    if one.cql.startswith(("UPDATE", "DELETE")):
        named = {column for column in table.clustering if re.search(rf"\b{column} = {VALUE}", one.where)}
        assert named in (set(table.clustering), set()), f"{one} names part of a key: {one.cql}"
        assert named or not table.clustering or one.cql.startswith("UPDATE"), f"{one} deletes a partition"


@pytest.mark.parametrize("service", SERVICES_IN_CASSANDRA)
def test_rows_under_compare_and_set_are_written_by_nothing_else(service: str) -> None:
    """A table with a conditional write has no stamped one, and `write` is never given one of its statements."""
    conditional = {one.table for one in SENT[service] if one.conditional}
    plain = [one for one in SENT[service] if not one.cql.startswith("SELECT") and not one.conditional]
    beside = [one for one in plain if one.table in conditional]
    assert not [one.place for one in beside if "USING TIMESTAMP" in one.cql]
    for path in modules(service):
        tree = ast.parse(path.read_text())
        constants = dict(assigned(tree))
        for call in ast.walk(tree):
            if (
                isinstance(call, ast.Call)
                and isinstance(call.func, ast.Attribute)
                and call.func.attr == "write"
            ):
                given = {constants.get(part.id) for part in ast.walk(call) if isinstance(part, ast.Name)}
                assert not given & {one.cql for one in beside}, f"{path.name}:{call.lineno}"


def assigned(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the statements that a module gives names to."""
    for node in tree.body:
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=str(text))):
                yield name, text


def test_a_statement_that_is_put_together_is_noticed() -> None:
    """What is filled into a statement at run time cannot be judged here, so it is not allowed."""
    assert list(texts(ast.parse('cql = f"SELECT a FROM {table}"'))) == [(1, "SELECT a FROM ...")]
    assert list(texts(ast.parse('cql = ("SELECT a"\n" FROM t")'))) == [(1, "SELECT a FROM t")]


BAD = {
    "SELECT a FROM t WHERE b = ?": "does not name",
    "SELECT a FROM t WHERE p IN ?": "does not name",
    "SELECT a FROM t WHERE p = ? ALLOW FILTERING": "ALLOW FILTERING",
    "SELECT COUNT(*) FROM t WHERE p = ?": "COUNT",
    "SELECT a FROM t": "does not name",
    "SELECT a FROM nowhere WHERE p = ?": "has no table",
}


@pytest.mark.parametrize("cql", BAD)
def test_these_rules_find_something(cql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each rule refuses what it is there for."""
    table = table_of(
        "CREATE TABLE IF NOT EXISTS t (p text, c text, a int, PRIMARY KEY (p, c)) WITH comment = '1'"
    )
    monkeypatch.setitem(TABLES, "a_service", {"t": table})
    with pytest.raises(AssertionError, match=re.escape(BAD[cql]) if "name" in BAD[cql] else None):
        test_a_statement_names_one_whole_partition("a_service", Sent("here", cql))
    for skipping in ("SELECT a FROM t WHERE p = ? AND a = ?", "SELECT c FROM t WHERE p = ? AND a IN ?"):
        with pytest.raises(AssertionError, match="filters"):
            test_a_statement_filters_only_by_the_order_of_rows("a_service", Sent("here", skipping))
