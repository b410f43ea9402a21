"""Bodies: how large one may be on which route, and reading one at a cost bounded by what is wanted of it."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final, Generic, TypeVar, get_args, get_origin

import msgspec
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.routing import BaseRoute

from store_kit.http.problem_handlers import invalid_input

B = TypeVar("B", bound=BaseModel)
S = TypeVar("S", bound=msgspec.Struct)

SMALL_BODY: Final = 16 * 1024
"""What a public route reads unless it says that it wants more: a sign-in or a cart line has some hundred bytes."""
_LARGEST: Final = "x-largest-body"
_PUBLIC: Final = "/api/"
_AT: Final = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<where>.*)`)?", re.DOTALL)
_STEP: Final = re.compile(r"[^.\[\]]+")


def up_to(largest: int) -> dict[str, Any]:
    """Declare, for `openapi_extra`, that a public route reads bodies of up to so many bytes."""
    return {_LARGEST: largest}


class BodyLimits:
    """How many bytes of a body each route reads.

    Args:
        routes: of a service; those that want more than `SMALL_BODY` say so by `up_to`.
        largest: the most that any route reads; routes between services read that much.
    """

    def __init__(self, routes: Sequence[BaseRoute], largest: int) -> None:
        self._largest = largest
        self._greater: list[tuple[set[str], Callable[[str], object], int]] = [
            (route.methods or set(), route.path_regex.match, min(declared, largest))
            for route in routes
            if isinstance(route, APIRoute) and (declared := (route.openapi_extra or {}).get(_LARGEST))
        ]

    def of(self, method: str, path: str) -> int:
        """Return how much the route behind a path reads."""
        if not path.startswith(_PUBLIC):
            return self._largest
        limits = (limit for methods, match, limit in self._greater if method in methods and match(path))
        return next(limits, min(SMALL_BODY, self._largest))


def read_body(model: type[B], body: bytes) -> B:
    """Return a body as its model.

    Of a large body the shape comes first: that ends at the first field which is not known, at a tenth of what
    parsing costs, while the model's own validation would make an error of each.

    Raises:
        InvalidInput: fields are missing, unknown or out of bounds.
        BadRequest: it is not JSON.
    """
    if len(body) > SMALL_BODY:
        _must_have_shape(model, body)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise invalid_input(located(error, "body")) from None


def located(error: ValidationError, *place: str) -> list[dict[str, Any]]:
    """Return what is wrong, each fault with where it is in the request."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [{**item, "loc": (*place, *item["loc"])} for item in found]


class StructBody(Generic[S]):
    """A dependency: the body decoded and validated in one pass, many times faster than field by field.

    `Wanted = Annotated[WantedIn, Depends(StructBody(WantedIn))]`; `struct_body` documents it.
    """

    def __init__(self, struct: type[S]) -> None:
        self._decode = msgspec.json.Decoder(struct).decode

    async def __call__(self, request: Request) -> S:
        """Return the body.

        Raises:
            InvalidInput: a field is missing, unknown or out of bounds; the first one found is named.
            BadRequest: it is not JSON.
        """
        return _decoded(self._decode, await request.body())


def _decoded(decode: Callable[[bytes], S], body: bytes) -> S:
    try:
        return decode(body)
    except msgspec.ValidationError as error:
        raise invalid_input([_shape_fault(str(error))]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise invalid_input([{"type": "json_invalid", "loc": ("body",), "msg": str(error)}]) from None


def struct_body(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """Document, for `openapi_extra`, a body that is read into a struct."""
    _, components = msgspec.json.schema_components([struct])
    return json_body(_inlined(components[struct.__name__], components))


def json_body(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Document, for `openapi_extra`, a body that a route reads by itself."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _inlined(schema: Any, components: Mapping[str, Any]) -> Any:
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _inlined(components[schema["$ref"].rpartition("/")[2]], components)
        return {key: _inlined(value, components) for key, value in schema.items()}
    return schema


def _must_have_shape(model: type[BaseModel], body: bytes) -> None:
    _decoded(_shape_decoder(model).decode, body)


def _shape_fault(message: str) -> dict[str, Any]:
    """Return msgspec's message as an error of pydantic's kind: "... - at `$.items[3]`"."""
    found = _AT.fullmatch(message)
    what, where = (found["what"], found["where"]) if found else (message, None)
    return {"type": "shape", "loc": ("body", *_STEP.findall(where or "")), "msg": what}


@cache
def _shape_decoder(model: type[BaseModel]) -> "msgspec.json.Decoder[Any]":
    return msgspec.json.Decoder(_shape(model))


def _shape(model: type[BaseModel]) -> type[msgspec.Struct]:
    """Return a struct with the fields of a model and of the models in its lists; what a field holds is left open."""
    fields = [(name, _loose(field.annotation), None) for name, field in model.model_fields.items()]
    return msgspec.defstruct(model.__name__, fields, forbid_unknown_fields=True)


def _loose(annotation: Any) -> Any:
    held = get_args(annotation)
    if get_origin(annotation) is list and isinstance(held[0], type) and issubclass(held[0], BaseModel):
        return list[_shape(held[0])]  # type: ignore[misc]  # a type made at run time
    return Any
