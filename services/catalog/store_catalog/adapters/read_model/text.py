"""How the read model reads text: folding, words, sort keys and FTS5 queries.

All of it happens here and not in SQLite's tokenizer, so that what is indexed and what is searched for agree
whatever SQLite is installed. The index gets words separated by spaces (tokenizer `ascii`: every other character
belongs to a word), and a query consists of words in quotes only: no input can be a syntax error.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from store_kit.texts import without_ignorable

MAX_WORDS: Final = 12
"""Words of a search that count; more would only cost."""
MAX_WORD: Final = 40
"""Letters of a word that count, in the index and in a search alike."""
NAME_KEY: Final = 60
"""Letters of a name that decide its place in the alphabet."""
MIN_PREFIX: Final = 2
"""A search's last word is taken for a beginning from this length on; one letter begins half of all words."""
BEHIND_ALL: Final = "\U0010ffff"
"""Comes behind every letter: a word with it behind all words that begin with the word."""
CATEGORY_MARK: Final = "\N{SECTION SIGN}"
"""Begins the word that stands for a category; no word of a text can contain it."""

_WORD: Final = re.compile("[^\\W_]+|[\u2600-\u27bf\U0001f300-\U0001faff]")
"""Letters and digits; each pictograph is a word of its own."""
_CACHED_WORDS: Final = 20_000


class _Folding(dict[int, str]):
    """Folds character by character, each computed once: lower case, no diacritics, no compatibility forms.

    `й` is a letter of its own, not an `и` with a mark; `ё` is written as `е` by most people and found by both.
    """

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if character in "йЙ":
            folded = "й"
        else:
            parts = unicodedata.normalize("NFKD", character)
            folded = "".join(part for part in parts if not unicodedata.combining(part)).casefold()
        self[code] = folded
        return folded


_FOLDING: Final = _Folding()


def fold(text: str) -> str:
    """Return `text` without case and diacritics: `Crème Brûlée` and `CREME BRULEE` are the same."""
    if text.isascii():
        return text.lower()
    # What is shown as nothing breaks no word (UAX #29, WB4), so it goes before letters and marks are composed.
    return unicodedata.normalize("NFC", without_ignorable(text)).translate(_FOLDING)


@lru_cache(_CACHED_WORDS)
def _folded(piece: str) -> tuple[str, ...]:
    """Return the words in a piece of text without spaces: one, or a few around a dash.

    Shops say the same few thousand words again and again, so most are folded once.
    """
    return tuple([word[:MAX_WORD] for word in _WORD.findall(fold(piece))])


def words(text: str) -> list[str]:
    """Return the folded words of a text, in order."""
    return [word for piece in text.split() for word in _folded(piece)]


def name_key(name: str) -> str:
    """Return what decides a name's place in the alphabet: its words; quotes and dashes do not count."""
    return key_of(words(name))


def key_of(words_of_name: list[str]) -> str:
    """Return the same for a name whose words are known; pictographs do not count."""
    return " ".join(word for word in words_of_name if word.isalnum())[:NAME_KEY]


def is_listed(word: str) -> bool:
    """Whether the vocabulary has the word. Numbers are left out: every SKU has one, and few products have it."""
    return not word[0].isdigit()


@dataclass(frozen=True, slots=True)
class Search:
    """The words of a search; all must be found, the last one may be the beginning of a word.

    `forms` are all words that begin so, where they are known and few. To look for each of them is quicker than for
    a beginning: FTS5 collects all products of all words that begin so before it shows the first, 40 ns each.
    """

    whole: tuple[str, ...]
    last: str
    is_begun: bool
    """Whether the last word may go on."""
    forms: tuple[str, ...] | None = None

    def anywhere(self) -> str:
        """Match products that have every word somewhere."""
        return " AND ".join([*map(_quote, self.whole), _either(self._beginnings())])

    def tiers(self) -> tuple[str | None, ...]:
        """Match the same products in disjoint classes, the best ones first; None: there are none in this class.

        Every word whole in the name or SKU; the last one only begun there; some of them elsewhere. Products of a
        tier are sorted by age, the index' own order: a page of any ranking costs the same however many match,
        which no scoring of all matches can (measured: 184 ms for a word in a tenth of a million products).
        """
        begun = self._in_name(self._beginnings())
        elsewhere = f"({self.anywhere()}) NOT {begun}"
        entire = self._in_name([_quote(self.last)])
        if not self.is_begun:
            return entire, elsewhere
        if self.forms is None:
            return entire, f"{begun} NOT {entire}", elsewhere
        if self.last not in self.forms:
            return None, begun, elsewhere
        longer = [_quote(form) for form in self.forms if form != self.last]
        return entire, f"{self._in_name(longer)} NOT {entire}" if longer else None, elsewhere

    def _beginnings(self) -> list[str]:
        if self.forms is not None:
            return [_quote(form) for form in self.forms]
        return [_quote(self.last) + ("*" if self.is_begun else "")]

    def _in_name(self, lasts: list[str]) -> str:
        whole = [f"name : {_quote(word)}" for word in self.whole]
        return f"({' AND '.join([*whole, _either([f'name : {last}' for last in lasts])])})"


def parse_search(text: str) -> Search | None:
    """Return what a text searches for; None when there is no word in it, which no product can match."""
    found = list(dict.fromkeys(words(text)))[:MAX_WORDS]
    return Search(tuple(found[:-1]), found[-1], len(found[-1]) >= MIN_PREFIX) if found else None


def within(expression: str, category: int | None) -> str:
    """Restrict an FTS5 query to a category."""
    return expression if category is None else f"({expression}) AND {_quote(CATEGORY_MARK + str(category))}"


def _either(expressions: list[str]) -> str:
    return f"({' OR '.join(expressions)})"


def _quote(word: str) -> str:
    return f'"{word}"'
