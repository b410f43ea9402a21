"""What the routes of a service share: one typed object, which `build_service` puts into the application's state.

`api: Final = state_of(Api)` in a service's `api/parameters.py`; then `api(request)` is its `Api`.
"""

import asyncio
from collections.abc import Callable
from operator import attrgetter
from typing import Any, TypeVar, cast

from starlette.datastructures import State
from starlette.requests import Request

T = TypeVar("T")


class PlainState(State):
    """An application's state whose attributes are plain ones: Starlette keeps them in a dictionary beside it."""

    def __init__(self, **shared: Any) -> None:
        self.__dict__.update(shared)

    def __setattr__(self, name: str, value: Any) -> None:
        self.__dict__[name] = value

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"The application shares no {name}.")


def state_of(_kind: type[T]) -> Callable[[Request], T]:
    """Return what finds that object for a request."""
    return attrgetter("app.state.api")


def draining(request: Request) -> asyncio.Event:
    """Return the event that is set when the service begins to shut down: streams end then."""
    return cast("asyncio.Event", request.app.state.draining)
