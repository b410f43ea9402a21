"""Text that looks the same is the same, and text that nobody can see is none."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_kit.texts import UnfitText, one_line, same_text, seen, several_lines

SPELLINGS = [
    ("Café", "Café"),
    ("Cafe\u0301", "Café"),
    ("Café ", "Café"),
    ("\u3000Café\u00a0", "Café"),
    ("\ufeffCafé", "Café"),
    ("Candle\u00adstick", "Candlestick"),
    ("abc\u202edef", "abcdef"),
    ("\u200bname\u2060", "name"),
    ("Cafe\u200b\u0301", "Café"),
    ("👩\u200d💻 ❤\ufe0f", "👩\u200d💻 ❤\ufe0f"),
    ("می\u200cخواهم", "می\u200cخواهم"),
    ("ABC-1 ", "ABC-1"),
]


@pytest.mark.parametrize(("typed", "kept"), SPELLINGS)
def test_one_spelling_is_kept(typed: str, kept: str) -> None:
    """Composed, without blanks around it and invisible characters; joiners that carry meaning stay."""
    assert one_line(typed, 100) == kept
    assert several_lines(typed, 100) == kept


@pytest.mark.parametrize(
    "typed", ["", " ", "\u200b", "\u00ad\u2060", "\u3164", "\u2800", "\u200d", "\u0301", "\ufe0f"]
)
def test_nothing_to_see_is_no_text(typed: str) -> None:
    """Blanks, invisible characters and marks without a letter are refused."""
    with pytest.raises(UnfitText, match="can be seen"):
        one_line(typed, 100)


@pytest.mark.parametrize("typed", ["a\x00b", "a\nb", "a\x7f", "a\x85b", "a\x9fb", "a\u2028b", "a\ud800b"])
def test_controls_are_refused(typed: str) -> None:
    """C0, DEL, C1, line separators and halves of characters are no part of a line."""
    with pytest.raises(UnfitText, match="control"):
        one_line(typed, 100)


def test_long_texts_keep_their_lines() -> None:
    """Tabs and line ends stay, other controls are refused, nothing at all is fine."""
    assert several_lines("one\n\ttwo\r\n", 100) == "one\n\ttwo"
    assert several_lines("", 100) == ""
    with pytest.raises(UnfitText, match="tabs"):
        several_lines("a\x9b", 100)


def test_what_is_kept_is_bounded() -> None:
    """The composed form may be longer than what was typed: it is what counts."""
    assert one_line("\u0958" * 50, 100) == "\u0915\u093c" * 50
    for rule in (one_line, several_lines):
        with pytest.raises(UnfitText, match="at most 100"):
            rule("\u0958" * 51, 100)


@pytest.mark.parametrize(
    "spelling",
    ["Café", "CAFÉ", "cafe\u0301", " Café", "Ca\u00adfé", "Ca\u200dfé", "Café\ufe0f", "CAFÉ\u00a0"],
)
def test_people_take_these_for_the_same(spelling: str) -> None:
    """Case, blanks, composition and invisible characters do not part what looks alike."""
    assert same_text(spelling) == same_text("café")


def test_different_texts_stay_different() -> None:
    """Letters, accents and the place of a blank do matter."""
    assert len({same_text(text) for text in ("cafe", "café", "ca fe", "cafes", "cаfe")}) == 5
    assert same_text("Tea  lights") == same_text("tea\u00a0LIGHTS") != same_text("tealights")


@given(st.text(max_size=30))
def test_a_spelling_is_the_end_of_it(text: str) -> None:
    """What was tidied once stays as it is, is composed, and is the same to whoever compares."""
    try:
        kept = one_line(text, 100)
    except UnfitText:
        return
    assert one_line(kept, 100) == kept == unicodedata.normalize("NFC", kept)
    assert same_text(kept) == same_text(text)
    assert same_text(same_text(kept)) == same_text(kept)


@pytest.mark.parametrize(
    ("typed", "shown"), [*SPELLINGS, ("\u200b", ""), ("\u2800 ", ""), ("", ""), ("\u0301", "")]
)
def test_files_are_read_by_the_same_rules(typed: str, shown: str) -> None:
    """What a file says is kept as what a person types; what cannot be seen is nothing."""
    assert seen(typed) == shown
