"""The rules of text that people type: one spelling for what looks the same, nothing that nobody can see.

Kept is the composed form (Unicode NFC, UAX #15) without blanks around it and without characters that are shown as
nothing or turn the direction of writing (Default_Ignorable_Code_Point, UAX #44; UTS #39, 3.1). Some of those carry
meaning inside a word (joiners in Persian and in emoji, variation selectors in Mongolian and Japanese): they stay,
but two texts that differ only by them are the same all the same (`same_text`).
"""

import re
import unicodedata
from typing import Final

LINE_PATTERN: Final = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"
"""One line of text, for JSON Schema and Python alike: no control characters (C0, C1), no line separators."""
TEXT_PATTERN: Final = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"
"""Text of several lines: of the control characters only tab and line ends."""

_LINE: Final = re.compile(LINE_PATTERN.removesuffix("$"))
_TEXT: Final = re.compile(TEXT_PATTERN.removesuffix("$"))
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
"""Half of a surrogate pair: JSON can say it, UTF-8 and so every store cannot."""
_MEANINGFUL: Final = "\u180b-\u180d\u180f\u200c\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef"
_MEANINGLESS: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)
_INVISIBLE: Final = re.compile(f"[{_MEANINGLESS}]")
_IGNORABLE: Final = re.compile(f"[{_MEANINGLESS}{_MEANINGFUL}]")
_BLANK: Final = "\u2800"
"""A Braille pattern without a dot: a symbol to Unicode, a blank to everybody who looks."""
_SHOWN: Final = frozenset("LNPS")
"""General categories with something to see: letters, numbers, punctuation, symbols."""


class UnfitText(ValueError):
    """A text cannot be kept; what must be different is said in words that go behind "name"."""


def one_line(text: str, longest: int) -> str:
    """Return a line of text in its one spelling.

    Raises:
        UnfitText: it has control characters, nothing that can be seen, or more than `longest` characters.
    """
    if text.isascii() and text.isprintable():
        tidied = text.strip()
    else:
        if _SURROGATE.search(text) or not _LINE.fullmatch(text):
            raise UnfitText("must be one line of text without control characters")
        tidied = _tidied(text)
    if not _has_something_to_see(tidied):
        raise UnfitText("must have at least one character that can be seen")
    return _within(tidied, longest)


def seen(text: str) -> str:
    """Return a text in its one spelling, empty when nothing of it can be seen: for files, which are not refused."""
    tidied = text.strip() if text.isascii() else _tidied(text)
    return tidied if _has_something_to_see(tidied) else ""


def several_lines(text: str, longest: int) -> str:
    """Return a text of any number of lines in its one spelling; it may be empty.

    Raises:
        UnfitText: it has control characters other than tab and line ends, or more than `longest` characters.
    """
    if _SURROGATE.search(text) or not _TEXT.fullmatch(text):
        raise UnfitText("must have no control characters but tabs and line ends")
    return _within(_tidied(text), longest)


def same_text(text: str) -> str:
    """Return what is equal for texts that people take for the same: case, blanks and invisible characters aside.

    Canonical caseless matching (Unicode, D145), with each run of blanks as one.
    """
    if text.isascii():
        return " ".join(text.lower().split())
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFD", without_ignorable(text)).casefold())
    return " ".join(folded.replace(_BLANK, " ").split())


def without_ignorable(text: str) -> str:
    """Return a text without every character that is shown as nothing: none of them breaks a word (UAX #29, WB4)."""
    return text if text.isascii() else _IGNORABLE.sub("", text)


def _tidied(text: str) -> str:
    # Composed last: what is taken out may have kept a letter and its mark apart.
    trimmed = _INVISIBLE.sub("", text).strip().strip(_BLANK).strip()
    return unicodedata.normalize("NFC", trimmed)


def _has_something_to_see(text: str) -> bool:
    if text.isascii():
        return bool(text)
    return any(unicodedata.category(character)[0] in _SHOWN and character != _BLANK for character in text)


def _within(text: str, longest: int) -> str:
    if len(text) > longest:
        raise UnfitText(f"must have at most {longest} characters, composed")
    return text
