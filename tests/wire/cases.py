"""What is said to a listener, and how it must answer: the table of this suite."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.wire.talking import ONCE_ANSWERED

HOST: Final = b"Host: shop\r\n"
PLAIN: Final = 0
"""Stands for the status that the same body gets in a plain request."""
OK: Final = 200
CONTINUE: Final = 100


@dataclass(frozen=True, slots=True)
class Target:
    """What a listener is asked for: something that is 200, and something that reads a body of JSON."""

    get: bytes
    post: bytes
    body: bytes = b'{"surprise": 1}'

    def head(self, *fields: bytes, method: bytes = b"POST", host: bytes = HOST) -> bytes:
        """Return the head of a request."""
        path = self.get if method != b"POST" else self.post
        lines = b"".join(field + b"\r\n" for field in fields)
        return b"%b %b HTTP/1.1\r\n%bContent-Type: application/json\r\n%b\r\n" % (method, path, host, lines)

    def next(self) -> bytes:
        """Return a request that is 200."""
        return b"GET %b HTTP/1.1\r\n%b\r\n" % (self.get, HOST)

    def with_length(self, *fields: bytes) -> bytes:
        """Return a head whose body has a length."""
        return self.head(*fields, b"Content-Length: %d" % len(self.body))

    def in_chunks(self, *fields: bytes) -> bytes:
        """Return a head whose body comes in chunks."""
        return self.head(*fields, b"Transfer-Encoding: chunked")

    def chunks(self, end: bytes = b"\r\n") -> bytes:
        """Return the body in two chunks; `end` follows the last one: trailers and an empty line."""
        first, second = self.body[:3], self.body[3:]
        return b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n%b" % (len(first), first, len(second), second, end)


Say = Callable[[Target], tuple[bytes, ...]]
"""What is sent, in segments."""


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that is said."""

    name: str
    say: Say
    answers: tuple[int, ...]
    """What our own listeners answer."""
    stays: bool = False
    """Whether the connection can be used afterwards."""


def _upgrades(protocol: bytes) -> list[Case]:
    offer = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: " + protocol, b"HTTP2-Settings: AAMAAABk")
    says: dict[str, Say] = {
        "length, one segment": lambda t: (t.with_length(*offer) + t.body + t.next(),),
        "length, two segments": lambda t: (t.with_length(*offer), t.body, t.next()),
        "length, cut anywhere": lambda t: _cut(t.with_length(*offer) + t.body + t.next()),
        "chunks, one segment": lambda t: (t.in_chunks(*offer) + t.chunks() + t.next(),),
        "chunks, two segments": lambda t: (t.in_chunks(*offer), t.chunks(), t.next()),
    }
    name = f"offers {protocol.decode()}, "
    nothing: Say = lambda t: (t.head(*offer, method=b"GET") + t.next(),)  # noqa: E731 - as all in this table
    several: Say = lambda t: ((t.with_length(*offer) + t.body) * 5 + t.next(),)  # noqa: E731
    return [
        *(Case(name + how, say, (PLAIN, OK), stays=True) for how, say in says.items()),
        Case(name + "no body", nothing, (OK, OK), stays=True),
        Case(name + "several in one segment", several, (*[PLAIN] * 5, OK), stays=True),
    ]


def _cut(said: bytes, size: int = 17) -> tuple[bytes, ...]:
    return tuple(said[at : at + size] for at in range(0, len(said), size))


def _get(*fields: bytes, host: bytes = HOST) -> Say:
    return lambda t: (t.head(*fields, method=b"GET", host=host),)


def _half_get(rest: bytes) -> Say:
    return lambda t: (b"GET %b HTTP/1.1\r\n%b%b" % (t.get, HOST, rest),)


HEADS: Final = [
    Case("a value without end", _half_get(b"X: " + b"a" * 70_000), (431,)),
    Case(
        "a value without end, in parts",
        lambda t: (b"GET %b HTTP/1.1\r\nX: " % t.get, *[b"a" * 9_000] * 8),
        (431,),
    ),
    Case("a name without end", _half_get(b"a" * 70_000), (431,)),
    Case("a target without end", lambda t: (b"GET " + t.get + b"?" + b"a" * 70_000,), (431,)),
    Case("a long value", _get(b"X: " + b"a" * 70_000), (431,)),
    Case("a long name", _get(b"a" * 70_000 + b": x"), (431,)),
    Case(
        "a long target", lambda t: (b"GET %b?%b HTTP/1.1\r\n%b\r\n" % (t.get, b"a" * 70_000, HOST),), (431,)
    ),
    Case("many fields that are too long together", _get(*[b"X: " + b"a" * 1_000] * 80), (431,)),
    Case("a head of 60 KiB", _get(*[b"X: " + b"a" * 6_000] * 10), (OK,), stays=True),
    Case("98 fields", _get(*[b"X: a"] * 98), (OK,), stays=True),
    Case("101 fields", _get(*[b"X: a"] * 99), (431,)),
    Case("100 000 fields", _get(*[b"X: a"] * 100_000), (431,)),
    Case("a folded line", _get(b"X: a", b" b"), (400,)),
    Case("a blank before the colon", _get(b"X : a"), (400,)),
    Case("a NUL in a value", _get(b"X: a\0b"), (400,)),
    Case("line feeds alone", lambda t: (b"GET %b HTTP/1.1\nHost: shop\n\n" % t.get,), (400,)),
]
HOSTS: Final = [
    Case("no Host", _get(host=b""), (400,)),
    Case("two Hosts", _get(host=HOST * 2), (400,)),
    Case("two different Hosts", _get(host=HOST + b"Host: other\r\n"), (400,)),
    *(
        Case(f"Host {value!r}", _get(host=b"Host: %b\r\n" % value), (400,))
        for value in (b"", b"a b", b"a@b", b"a/b", b"a:b", b"[::1", b"a\\b")
    ),
    *(
        Case(f"Host {value!r}", _get(host=b"Host: %b\r\n" % value), (OK,), stays=True)
        for value in (b"shop", b"shop:8080", b"127.0.0.1:1", b"[::1]:8080", b"xn--caf-dma.example")
    ),
    Case("HTTP/1.0 without Host", lambda t: (b"GET %b HTTP/1.0\r\n\r\n" % t.get,), (OK,)),
]
BODIES: Final = [
    Case("a length and chunks", lambda t: (t.in_chunks(b"Content-Length: 3") + t.chunks(),), (400,)),
    Case("two lengths", lambda t: (t.with_length(b"Content-Length: 3") + t.body,), (400,)),
    Case("a chunk of no size", lambda t: (t.in_chunks() + b"x\r\n",), (400,)),
    Case(
        "an encoding that does not end",
        lambda t: (t.head(b"Transfer-Encoding: gzip") + t.body,),
        (400,),
    ),
    Case("a size without end", lambda t: (t.in_chunks() + b"3;", *[b"a" * 9_000] * 10), (431,)),
    Case(
        "a trailer",
        lambda t: (t.in_chunks() + t.chunks(b"X: a\r\n\r\n") + t.next(),),
        (PLAIN, OK),
        stays=True,
    ),
    Case(
        "a trailer that would be a header",
        lambda t: (t.in_chunks() + t.chunks(b"Authorization: Bearer x\r\n\r\n") + t.next(),),
        (PLAIN, OK),
        stays=True,
    ),
    Case(
        "101 trailers",
        lambda t: (t.in_chunks() + t.chunks(b"X: a\r\n" * 101 + b"\r\n"),),
        (431,),
    ),
    Case(
        "a trailer without end",
        lambda t: (t.in_chunks() + t.chunks(b"X: a"), *[b"a" * 9_000] * 10),
        (431,),
    ),
    Case(
        "a promise to wait",
        # A body that is there already needs no leave: on a busy machine it might arrive together with its head.
        lambda t: (t.with_length(b"Expect: 100-continue"), ONCE_ANSWERED, t.body),
        (CONTINUE, PLAIN),
        stays=True,
    ),
    Case(
        "seven bytes at a time",
        lambda t: _cut(t.with_length() + t.body, 7),
        (PLAIN,),
        stays=True,
    ),
]
PIPELINES: Final = [
    Case("twenty ahead", lambda t: (t.next() * 20,), (OK,) * 20, stays=True),
    Case(
        "bodies ahead", lambda t: ((t.with_length() + t.body) * 5 + t.next(),), (*[PLAIN] * 5, OK), stays=True
    ),
    Case("a hundred ahead", lambda t: (t.next() * 100,), (OK,) * 33),
    Case("nonsense behind a request", lambda t: (t.next() + b"nonsense\r\n\r\n",), (OK, 400)),
    Case(
        "more behind the last request",
        lambda t: (t.head(b"Connection: close", method=b"GET") + t.next(),),
        (OK,),
    ),
]
NOT_HTTP: Final = [
    Case("nonsense", lambda _: (b"nonsense\r\n\r\n",), (400,)),
    Case("another protocol's greeting", lambda _: (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",), (400,)),
    Case("HTTP/2.0 by name", lambda t: (b"GET %b HTTP/2.0\r\n%b\r\n" % (t.get, HOST),), (400,)),
    Case("TLS", lambda _: (bytes.fromhex("160301020001000001fc0303") + b"x" * 40,), (400,)),
    Case(
        "a tunnel",
        lambda _: (b"CONNECT example.com:443 HTTP/1.1\r\n" + HOST + b"\r\n",),
        (405,),
    ),
]
TOO_SLOW: Final = [
    Case("silence", lambda _: (), ()),
    Case("half a line", lambda _: (b"GET /api/pro",), (408,)),
    Case("half a head", _half_get(b"X: "), (408,)),
    Case("half a head behind a request", lambda t: (t.next(), b"GET / HT"), (OK, 408)),
    Case("a body that was promised", lambda t: (t.with_length(),), (408,)),
    Case("half a body", lambda t: (t.with_length() + t.body[:4],), (408,)),
    Case("half a chunk", lambda t: (t.in_chunks() + b"ff\r\nabc",), (408,)),
    Case("chunks without end", lambda t: (t.in_chunks() + b"1\r\n{\r\n",), (408,)),
    Case(
        "half a body that has little time",
        lambda t: (t.with_length(b"Store-Timeout-Ms: 300") + t.body[:4],),
        (408,),
    ),
    Case(
        "a body behind an offer",
        lambda t: (t.with_length(b"Connection: upgrade", b"Upgrade: h2c") + t.body[:4],),
        (408,),
    ),
    Case("much of a large body", lambda t: (t.head(b"Content-Length: 2000000") + b"a" * 9_000,), (413,)),
]
CASES: Final = [
    *_upgrades(b"h2c"),
    *_upgrades(b"websocket"),
    *_upgrades(b"TLS/1.0"),
    *HEADS,
    *HOSTS,
    *BODIES,
    *PIPELINES,
    *NOT_HTTP,
]
