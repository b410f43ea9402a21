"""Text in requests: bounded and in its one spelling, with a message that says what is wrong instead of a pattern."""

import re
from collections.abc import Callable
from typing import Any, Final

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from store_kit.texts import LINE_PATTERN, TEXT_PATTERN, UnfitText, one_line, several_lines

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
"""Half of a surrogate pair: JSON can say it, UTF-8 and so every store cannot."""


def line(longest: int, **field: Any) -> tuple[Any, Any]:
    """Return what makes an `Annotated[str, *...]` one line with something to see, as `store_kit.texts` keeps it.

    Args:
        longest: how many characters, of what is sent and of what is kept.
        field: further arguments of pydantic's `Field`.
    """
    return _documented(LINE_PATTERN, min_length=1, max_length=longest, **field), _kept(one_line, longest)


def long_text(longest: int, **field: Any) -> tuple[Any, Any]:
    """Return the same for a text of several lines, which may be empty."""
    return _documented(TEXT_PATTERN, max_length=longest, **field), _kept(several_lines, longest)


def matching(pattern: str, message: str, **field: Any) -> tuple[Any, Any]:
    """Return what makes an `Annotated[str, *...]` obey a pattern; what matches is kept as it is.

    Args:
        pattern: one that Python and JSON Schema read alike.
        message: what the text must be, for people.
        field: further arguments of pydantic's `Field`.
    """
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if _SURROGATE.search(text) or not compiled.fullmatch(text):
            raise _refused(message)
        return text

    return _documented(pattern, **field), AfterValidator(check)


def _documented(pattern: str, **field: Any) -> Any:
    return Field(json_schema_extra={"pattern": pattern}, **field)


def _kept(rule: Callable[[str, int], str], longest: int) -> AfterValidator:
    def keep(text: str) -> str:
        try:
            return rule(text, longest)
        except UnfitText as error:
            raise _refused(str(error)) from None

    return AfterValidator(keep)


def _refused(message: str) -> PydanticCustomError:
    return PydanticCustomError("text", "{message}", {"message": message})
