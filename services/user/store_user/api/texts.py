"""Text in requests: bounded, one line, with a message that says what is wrong instead of a regular expression."""

import re
from typing import Any, Final

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
"""Half of a surrogate pair: JSON can say it, UTF-8 and so every store cannot."""


def matching(pattern: str, message: str, **field: Any) -> tuple[Any, Any]:
    """Return what makes an `Annotated[str, *...]` obey a pattern, documented in the schema.

    Args:
        pattern: one that Python and JSON Schema read alike.
        message: what the text must be, for people.
        field: further arguments of pydantic's `Field`.
    """
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if _SURROGATE.search(text) or not compiled.fullmatch(text):
            raise PydanticCustomError("text", "{message}", {"message": message})
        return text

    return Field(json_schema_extra={"pattern": pattern}, **field), AfterValidator(check)
