"""What a request must be to be read, and what is said of one that is not."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import httptools

from store_kit.problems import BadRequest, HeadTooLarge, MethodNotAllowed, Overloaded, Problem, RequestTimeout

_METHODS: Final = "GET, HEAD, POST, PUT, PATCH, DELETE"
_HOST: Final = re.compile(
    rb"(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+)(?::[0-9]*)?"
)
"""`uri-host [ ":" port ]` of RFC 9110, 7.2; an empty host names no address of http (4.2.1)."""
TOO_MANY: Final = Overloaded("More requests are in hand than can be served well; try again shortly.")
NO_PROXY: Final = MethodNotAllowed("This is no proxy.", headers={"Allow": _METHODS})

ABANDONED: Final = "abandoned"
NOT_READ: Final = (
    ABANDONED,
    *(kind.slug for kind in (BadRequest, HeadTooLarge, MethodNotAllowed, Overloaded, RequestTimeout)),
)
"""Why a request is not read: its client hung up, or it was refused by a problem of that slug."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is read of a request at most."""

    head_bytes: int
    head_fields: int
    body_bytes: int
    request_timeout_s: float
    """How long a request may take to arrive that names no shorter time."""


class Refused(Exception):
    """A request is not read any further."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


@lru_cache(maxsize=256)
def is_host(value: bytes) -> bool:
    """Say whether this may stand in a Host header."""
    return _HOST.fullmatch(value) is not None


def must_name_its_host(version: str, hosts: int, *, good: bool) -> None:
    """Refuse what RFC 9112, 3.2 tells to."""
    if version not in ("1.0", "1.1"):
        raise Refused(BadRequest(f"This is HTTP/{version}; 1.0 and 1.1 are spoken here."))
    if hosts != 1 and (version == "1.1" or hosts):
        raise Refused(BadRequest(f"A request has one Host header; this one has {hosts or 'none'}."))
    if not good:
        raise Refused(BadRequest("The Host header is not the name of a host, with or without a port."))


def what_is_wrong(error: httptools.HttpParserError) -> Problem:
    """Return what is said of a request that the parser, or a callback of ours in it, did not take."""
    cause = error.__context__
    if isinstance(cause, Refused):
        return cause.problem
    if isinstance(cause, UnicodeDecodeError | httptools.HttpParserError):
        return BadRequest("This is not HTTP: its target cannot be read.")
    if cause is not None:
        raise error
    return BadRequest(f"This is not HTTP: {error}.")


def head_too_large(limits: Limits) -> Problem:
    """Return what is said of a head, a size of a chunk, or trailers without end."""
    return HeadTooLarge(
        f"The head of a request may have {limits.head_bytes} bytes and {limits.head_fields} fields at most."
    )


def too_slow(*, head: bool) -> Problem:
    """Return what is said of a request that did not arrive in time."""
    return RequestTimeout(f"The {'head' if head else 'body'} of the request took too long; send it again.")
