"""Requests sent byte by byte: what HTTP libraries refuse to send is exactly what must be tried."""

import asyncio
import contextlib
from collections.abc import Mapping

from multidict import CIMultiDict

from tests.support.people import Answer

Header = tuple[bytes | str, bytes | str]


async def send(
    port: int,
    method: str,
    target: bytes | str,
    *,
    headers: Mapping[str, str] | None = None,
    more: tuple[Header, ...] = (),
    body: bytes = b"",
) -> Answer:
    """Send one request to a port of this machine and return the answer; nothing is encoded, checked or mended.

    Args:
        port: where to.
        method: any text.
        target: path and query as they stand in the request line.
        headers: usual headers.
        more: headers of any bytes, repeated ones too.
        body: sent with its length, unless the headers say that it comes in chunks.
    """
    usual = {"Host": f"127.0.0.1:{port}", "Connection": "close", **(headers or {})}
    sent: list[Header] = list(usual.items())
    chunked = any(_bytes(name).lower() == b"transfer-encoding" for name, _ in more)
    if (body or method in ("POST", "PUT", "PATCH")) and not chunked:
        sent.append(("Content-Length", str(len(body))))
    lines = [b" ".join((method.encode(), _bytes(target), b"HTTP/1.1"))]
    lines += [_bytes(name) + b": " + _bytes(value) for name, value in (*sent, *more)]
    return _answer(await _exchange(port, b"\r\n".join((*lines, b"", body))))


async def _exchange(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        # A refused body need not be read to its end: the answer comes all the same.
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        return await asyncio.wait_for(_all_of(reader), 30)
    finally:
        writer.close()


async def _all_of(reader: asyncio.StreamReader) -> bytes:
    parts: list[bytes] = []
    with contextlib.suppress(ConnectionError):
        while part := await reader.read(65536):
            parts.append(part)
    return b"".join(parts)


def _answer(received: bytes) -> Answer:
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    assert status.startswith("HTTP/1.1 "), received[:200]
    headers = CIMultiDict((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
    return Answer(int(status.split()[1]), headers, body)


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
