"""Reading schema files of Cassandra; needs no database."""

import pytest
from store_kit.cassandra.schema import statements


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("-- nothing; at all", []),
        ("A; B;\n", ["A", "B"]),
        ("A", ["A"]),
        ("A -- why; not\nB;", ["A \nB"]),
        ("A // why; not\nB;", ["A \nB"]),
        ("A /* why;\nnot */ B;", ["A  B"]),
        ("WITH comment = 'one; two -- three'; B", ["WITH comment = 'one; two -- three'", "B"]),
        ("C 'it''s; here'; B", ["C 'it''s; here'", "B"]),
        ('SELECT "a;b" FROM t;', ['SELECT "a;b" FROM t']),
        ("C 'http://x'; D", ["C 'http://x'", "D"]),
    ],
)
def test_a_file_is_split_where_a_statement_ends(text: str, expected: list[str]) -> None:
    """Semicolons in quotes and comments end nothing; comments are left out."""
    assert statements(text) == expected
