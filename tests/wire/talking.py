"""Saying bytes to a listener, and reading what it says: no HTTP library, which would not say the half of it."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Any, Final, Self

import msgspec

from tests.support.wait import until

PATIENCE_S: Final = 20.0
ONCE_ANSWERED: Final = b""
"""Stands between two segments for the wait until the other side has said something."""
_AFTER_S: Final = 0.02
"""The pause between two segments, so that they arrive as two."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> dict[str, Any]:
        """Return the problem document that it is."""
        assert self.headers["content-type"] == "application/problem+json", self
        found: dict[str, Any] = msgspec.json.decode(self.body)
        assert found["status"] == self.status, self
        assert found["trace_id"] == self.headers["x-trace-id"], self
        return found

    @property
    def slug(self) -> str:
        """Return what the problem is called."""
        return str(self.problem["type"]).rpartition("#")[2]


@dataclass(slots=True)
class Talk:
    """A connection to a port of this machine."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    answers: list[Answer] = field(default_factory=list)

    async def say(self, *segments: bytes) -> None:
        """Send each as a segment of its own; who is there may have hung up meanwhile."""
        with contextlib.suppress(ConnectionError):
            for segment in segments:
                if segment == ONCE_ANSWERED:
                    await until(lambda: bool(self.answers), "there is an answer", PATIENCE_S)
                    continue
                self.writer.write(segment)
                await self.writer.drain()
                await asyncio.sleep(_AFTER_S)

    async def hear(self, *, head_only: bool = False) -> Answer | None:
        """Return the next answer; None when the other side has hung up."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._answer(head_only=head_only)
        except asyncio.IncompleteReadError as end:
            if end.partial:
                raise
            return None
        except ConnectionError:
            return None

    async def _answer(self, *, head_only: bool) -> Answer:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        fields = dict(line.split(": ", 1) for line in head[1:] if line)
        headers = {name.lower(): value for name, value in fields.items()}
        body = b""
        if not head_only and not head[0].startswith("HTTP/1.1 1"):
            body = await self._body(headers)
        answer = Answer(int(head[0].split(" ", 2)[1]), headers, body)
        self.answers.append(answer)
        return answer

    async def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") != "chunked":
            return await self.reader.readexactly(int(headers.get("content-length", "0")))
        body = b""
        while size := int(await self.reader.readline(), 16):
            body += (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readexactly(2)
        return body

    async def hang_up(self) -> None:
        """Close."""
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.hang_up()


async def call(port: int) -> Talk:
    """Return a new connection."""
    return Talk(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 20))


async def exchange(port: int, *segments: bytes, answers: int = 1) -> list[Answer]:
    """Say something on a connection of its own; return up to so many answers."""
    async with await call(port) as talk:
        speaking = asyncio.create_task(talk.say(*segments))
        while len(talk.answers) < answers and await talk.hear() is not None:
            pass
        await speaking
        return talk.answers


async def is_open(talk: Talk, request: bytes) -> bool:
    """Say whether a connection still serves a request."""
    await talk.say(request)
    answer = await talk.hear()
    return answer is not None and answer.status == 200
