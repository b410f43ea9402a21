"""Counting what use cases come to: put around them at the wiring, so that a verb says the business only."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from store_kit.problems import Problem

V = TypeVar("V", bound=Callable[..., Awaitable[Any]])


def counted(verb: V, count: Callable[[Any], None], *, refused: type[Exception] | tuple[()] = ()) -> V:
    """Return a use case that hands each of its answers to `count`, and each error of the kind `refused`."""

    async def call(*args: Any, **kwargs: Any) -> Any:
        try:
            answer = await verb(*args, **kwargs)
        except refused as error:
            count(error)
            raise
        count(answer)
        return answer

    return cast("V", call)


def counted_by_outcome(verb: V, count: Callable[[str], None]) -> V:
    """Return a use case that counts each end in one word: a problem's slug, the answer's `outcome`, or else "ok"."""
    return counted(
        verb,
        lambda came: count(came.slug if isinstance(came, Problem) else getattr(came, "outcome", "ok")),
        refused=Problem,
    )
