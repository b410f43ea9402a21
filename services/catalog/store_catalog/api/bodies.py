"""Bodies of other services, decoded and validated in one pass by msgspec: many times faster than field by field."""

import re
from typing import Final, TypeVar

import msgspec
from starlette.requests import Request
from store_kit.problems import BadRequest, FieldError, InvalidInput

T = TypeVar("T")
_PLACE: Final = re.compile(r"^(?P<message>.*) - at `\$(?P<path>.*)`$", re.DOTALL)
_INDEX: Final = re.compile(r"\[(\d+|\.\.\.)\]")


async def read_body(request: Request, decoder: msgspec.json.Decoder[T]) -> T:
    """Return the decoded body.

    Raises:
        InvalidInput: a field is missing, unknown or out of bounds; the first one found is named.
        BadRequest: it is not JSON.
    """
    try:
        return decoder.decode(await request.body())
    except msgspec.ValidationError as error:
        field = _field_error(str(error))
        raise InvalidInput(f"Not valid: {field.field}.", errors=[field]) from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BadRequest("The body is not valid JSON.", errors=[FieldError("body", str(error))]) from error


def _field_error(text: str) -> FieldError:
    found = _PLACE.match(text)
    if found is None:
        return FieldError("body", text)
    return FieldError("body" + _INDEX.sub(r".\1", found["path"]), found["message"])
