"""Gives memory that is not used back to the system. Only glibc keeps it and can be told; elsewhere nothing happens."""

import ctypes
from collections.abc import Callable
from typing import Final

_M_ARENA_MAX: Final = -8
"""Of glibc's <malloc.h>."""
_LIBC: Final = ctypes.CDLL(None)


def share_one_heap() -> None:
    """Let all threads that begin from now on allocate from one heap.

    By default each begins one of its own, and glibc gives back what is free at the end of the first heap only: each of
    two threads that hash passwords keeps the 19 MiB of its last hash for ever. Threads rarely wait for the one heap:
    Python serves small objects from memory of its own.
    """
    _call("mallopt", _M_ARENA_MAX, 1)


def give_back_memory() -> None:
    """Give free memory back, in a thread: who allocates meanwhile waits.

    That is about a millisecond in a shop of 90 MB, and up to ten for each 100 MB of a heap with holes all over it.
    """
    _call("malloc_trim", 0)


def _call(name: str, *arguments: int) -> None:
    function: Callable[..., int] | None = getattr(_LIBC, name, None)
    if function is not None:
        function(*arguments)
