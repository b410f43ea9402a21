import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_catalog.adapters.read_model.text import fold, name_key, parse_search, within, words


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("Crème BRÛLÉE", "creme brulee"),
        ("Ёлочный шар", "елочный шар"),
        ("Чайник", "чайник"),
        ("чайник", "чайник"),
        ("Straße", "strasse"),
        ("ﬁne Ｗｉｄｅ", "fine wide"),
        ("Łódź", "łodz"),
    ],
)
def test_fold_forgets_case_and_diacritics_but_not_letters(written: str, folded: str) -> None:
    """Accents, ё and letter forms do not matter; й stays a letter of its own, composed or not."""
    assert fold(written) == folded


def test_words_are_letters_and_digits() -> None:
    """Punctuation separates words and is never part of one."""
    assert words("T-Light «Орёл», 12.5cm_set (№2)") == ["t", "light", "орел", "12", "5cm", "set", "no2"]


def test_marks_that_stand_alone_belong_to_their_letter() -> None:
    """A letter and a mark that have no common form are one letter still, and one word."""
    assert words("x\u030cy a_b ½") == ["xy", "a", "b", "1", "2"]


def test_name_key_is_bounded_and_ignores_all_but_words() -> None:
    """A name's place in the alphabet depends neither on spacing nor on quotes, and costs at most 60 characters."""
    assert name_key("  «Red»\t\n Mug! ") == "red mug"
    assert len(name_key("ab " * 500)) == 60


@pytest.mark.parametrize("text", ["", "   ", "!!!", "\0", '"', "*", "\u200b\ufe0f", "_-_", "(^)"])
def test_a_search_without_words_is_no_search(text: str) -> None:
    """Only punctuation, quotes or invisible characters leave nothing to look for."""
    assert parse_search(text) is None


def test_what_is_shown_as_nothing_breaks_no_word() -> None:
    """Soft hyphens, joiners and marks of direction leave a word whole (UAX #29, WB4)."""
    for written in ("Candle\u00adstick", "Candle\u2060stick", "\u200eCandlestick", "Candle\u200dstick"):
        assert words(written) == ["candlestick"]
    assert words("Cafe\u200d\u0301") == words("café")


def test_pictographs_are_words_but_no_letters() -> None:
    """Each can be searched for, alone or next to a word; a name's place in the alphabet is that of its letters."""
    assert words("🎁🎁 Red❤\ufe0fMug") == ["🎁", "🎁", "red", "❤", "mug"]
    assert name_key("🎁 Mug ❤") == "mug"


@given(st.text(max_size=300), st.sampled_from([None, 7]))
def test_no_text_can_make_an_fts5_syntax_error(text: str, category: int | None) -> None:
    """Whatever is typed becomes a query that FTS5 understands."""
    search = parse_search(text)
    if search is None:
        return
    connection = sqlite3.connect(":memory:")
    connection.execute(
        "CREATE VIRTUAL TABLE words USING fts5 (name, rest, detail = column, tokenize = 'ascii')"
    )
    for expression in filter(None, (search.anywhere(), *search.tiers())):
        connection.execute(
            "SELECT 1 FROM words WHERE words MATCH ?", (within(expression, category),)
        ).fetchall()
    connection.close()


@given(st.text(max_size=200))
def test_folding_twice_changes_nothing(text: str) -> None:
    """What was folded is folded: index and search may meet at any stage."""
    assert words(" ".join(words(text))) == words(text)
