"""Arguments of bare routes, read by the endpoint's own signature as FastAPI understands it.

FastAPI takes a signature apart once, to document it and to serve its own routes; a bare route (`bare_routes`) reads
the same parameters at a fifth of the cost. The order is

1. who asks: dependencies that look at the request alone;
2. what was sent: path, query, headers and body, whose faults are told all at once;
3. dependencies that need some of it: a refused request does not reach them, so it changes nothing.

A plain function as a dependency is called in the event loop, not in a thread. FastAPI's `Dependant` is a private door
(docs/private_doors.md).
"""

import inspect
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Annotated, Any, Final, TypeAlias, get_args

from fastapi._compat import ModelField
from fastapi.dependencies.models import Dependant
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.requests import Request

from store_kit.http.bodies import StructBody, located, read_body
from store_kit.http.media_types import require_json
from store_kit.http.problem_handlers import MAX_ERRORS, field_errors, invalid_fields, invalid_input
from store_kit.problems import InvalidInput

_Given = list[dict[str, Any]]
"""The arguments of the endpoint, which comes first, and of every dependency."""
_Faults: TypeAlias = list[dict[str, Any]]
_Sent = Mapping[Any, Any]


def _headers(request: Request) -> _Sent:
    """Return the headers by their names in lower case, the first of each: one search for all parameters."""
    return dict(reversed(request.scope["headers"]))


_SOURCES: Final[Mapping[str, Callable[[Request], _Sent]]] = {
    "path": attrgetter("path_params"),
    "query": attrgetter("query_params"),
    "header": _headers,
}


class ArgumentReader:
    """Reads the arguments of an endpoint from a request.

    Args:
        dependant: the endpoint's signature.

    Raises:
        TypeError: the signature asks for something that bare routes do not offer.
    """

    def __init__(self, dependant: Dependant) -> None:
        self._requests: list[str | None] = []
        self._askers: list[_Dependency] = []
        self._parameters: dict[str, list[_Parameter]] = {}
        self._bodies: list[_Body | _Dependency] = []
        self._dependencies: list[_Dependency] = []
        self._known: dict[Any, _Dependency] = {}
        self._add(dependant)
        self._sources = [(_SOURCES[source], found) for source, found in self._parameters.items()]

    @property
    def waits(self) -> bool:
        """Whether anything has to be waited for: a dependency, or a body."""
        return bool(self._askers or self._bodies or self._dependencies)

    def read_sent(self, request: Request) -> dict[str, Any]:
        """Return the arguments by name, where nothing has to be waited for.

        Raises:
            InvalidInput: of what was sent.
        """
        given, faults = self._empty(request), _Faults()
        self._read_parameters(request, given, faults)
        if faults:
            raise invalid_input(faults)
        return given[0]

    async def read(self, request: Request) -> dict[str, Any]:
        """Return the arguments by name.

        Raises:
            Problem: of a dependency, or of what was sent.
        """
        given, faults = self._empty(request), _Faults()
        for asker in self._askers:
            await asker.solve(given)
        self._read_parameters(request, given, faults)
        if self._bodies:
            await self._read_bodies(request, given, faults)
        if faults:
            raise invalid_input(faults)
        for dependency in self._dependencies:
            await dependency.solve(given)
        return given[0]

    def _empty(self, request: Request) -> _Given:
        return [{} if name is None else {name: request} for name in self._requests]

    def _read_parameters(self, request: Request, given: _Given, faults: _Faults) -> None:
        for sent_in, parameters in self._sources:
            sent = sent_in(request)
            for parameter in parameters:
                parameter.read(sent, given, faults)

    async def _read_bodies(self, request: Request, given: _Given, faults: _Faults) -> None:
        try:
            for body in self._bodies:
                await (body.solve(given) if isinstance(body, _Dependency) else body.read(request, given))
        except InvalidInput as problem:
            if not faults:
                raise
            raise invalid_fields([*field_errors(faults), *problem.errors][:MAX_ERRORS]) from None

    def _add(self, dependant: Dependant) -> tuple[int, bool]:
        """Add what a call takes; return its number and whether it takes something that was sent."""
        if dependant.cookie_params or dependant.response_param_name or dependant.background_tasks_param_name:
            raise TypeError(f"a bare route has no cookies, response or background tasks: {dependant.call}")
        number = len(self._requests)
        self._requests.append(dependant.request_param_name)
        sent = [*dependant.path_params, *dependant.query_params, *dependant.header_params]
        for field in sent:
            parameter = _Parameter(field, number)
            self._parameters.setdefault(parameter.place[0], []).append(parameter)
        self._bodies += [_Body(field, number) for field in dependant.body_params]
        # Every one must be added, whatever the first ones take.
        takes = [self._depends(inner, number) for inner in dependant.dependencies]
        return number, any(takes) or bool(sent or dependant.body_params)

    def _depends(self, dependant: Dependant, caller: int) -> bool:
        """Add a dependency of a call; say whether it takes something that was sent."""
        known = self._known.get(dependant.call)
        if known is None:
            number, takes_sent = self._add(dependant)
            is_body = isinstance(dependant.call, StructBody)
            known = _Dependency(dependant, number, takes_sent=takes_sent or is_body)
            self._known[dependant.call] = known
            chosen = self._bodies if is_body else self._dependencies if takes_sent else self._askers
            chosen.append(known)
        known.targets.append((caller, dependant.name))
        return known.takes_sent


class _Dependency:
    """A function or object that makes an argument."""

    __slots__ = ("_call", "_is_async", "_number", "takes_sent", "targets")

    def __init__(self, dependant: Dependant, number: int, *, takes_sent: bool) -> None:
        call: Any = dependant.call
        self._call = call
        self._is_async = inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(call.__call__)
        self._number = number
        self.takes_sent = takes_sent
        self.targets: list[tuple[int, Any]] = []

    async def solve(self, given: _Given) -> None:
        """Call it; hand its answer to those that depend on it."""
        value = self._call(**given[self._number])
        if self._is_async:
            value = await value
        for caller, name in self.targets:
            given[caller][name] = value


class _Parameter:
    """A parameter in the path, the query or a header."""

    __slots__ = ("_caller", "_default", "_key", "_name", "_required", "_validate", "place")

    def __init__(self, field: ModelField, caller: int) -> None:
        info: Any = field.field_info
        alias = field.validation_alias or field.alias
        self.place = (info.in_.value, alias)
        self._key = alias.lower().encode() if info.in_.value == "header" else alias
        self._caller, self._name = caller, field.name
        self._required, self._default = info.is_required(), field.default
        rule: Any = Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation
        self._validate = TypeAdapter[Any](rule).validator.validate_python

    def read(self, sent: _Sent, given: _Given, faults: _Faults) -> None:
        text = sent.get(self._key)
        if text is None:
            if self._required:
                faults.append(_missing(*self.place))
            else:
                given[self._caller][self._name] = self._default
            return
        try:
            given[self._caller][self._name] = self._validate(
                text.decode("latin-1") if isinstance(text, bytes) else text
            )
        except ValidationError as error:
            faults += located(error, *self.place)


class _Body:
    """A body that is a model; one that may be left out may be null, too."""

    __slots__ = ("_caller", "_default", "_model", "_name", "_required")

    def __init__(self, field: ModelField, caller: int) -> None:
        annotation = field.field_info.annotation
        (self._model,) = [
            kind
            for kind in (annotation, *get_args(annotation))
            if isinstance(kind, type) and issubclass(kind, BaseModel)
        ]
        self._caller, self._name = caller, field.name
        self._required, self._default = field.field_info.is_required(), field.default

    async def read(self, request: Request, given: _Given) -> None:
        body = await request.body()
        if body:
            require_json(request)
        if body and (self._required or body.strip() != b"null"):
            given[self._caller][self._name] = read_body(self._model, body)
        elif self._required:
            raise invalid_input([_missing("body")])
        else:
            given[self._caller][self._name] = self._default


def _missing(*place: str) -> dict[str, Any]:
    return {"type": "missing", "loc": place, "msg": "Field required"}
