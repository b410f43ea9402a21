"""A proxy before a Cassandra node that loses, delays or cuts off what tests point at.

The driver takes the contact point's port for every node, so to go through here a client needs the proxy's port only.
"""

import asyncio
import contextlib
import enum
from collections.abc import Awaitable, Callable, Collection
from typing import Final, Self

from tests.support.cql_frames import (
    AUTHENTICATE,
    BATCH,
    EXECUTE,
    PREPARE,
    QUERY,
    READY,
    STARTUP,
    Message,
    Wire,
    prepared_text,
    statements_of,
)

_HUNG_UP: Final = (asyncio.IncompleteReadError, ConnectionError)
_ARRIVES_WITHIN_S: Final = 30.0


class Fault(enum.Enum):
    """What becomes of a statement."""

    LOSE_REQUEST = "the request is lost and the connection cut"
    LOSE_ANSWER = "it is applied, then the connection is cut before the answer"
    HOLD = "it does not arrive until the test releases it"
    HOLD_UNTIL_NEXT = "it does not arrive until the same statement is tried again, and then comes first"


class Trap:
    """Waits for a statement and lets a fault happen to it.

    Args:
        statement: the CQL, or a piece of it.
        fault: what happens.
        nth: to which occurrences, from 1.
        next_too: whether it also happens to whatever statement follows the first one that was caught.
        meanwhile: what somebody else does before the client can notice anything.
    """

    def __init__(
        self,
        statement: str,
        fault: Fault,
        *,
        nth: Collection[int] = (1,),
        next_too: bool = False,
        meanwhile: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self.statement = statement
        self.fault = fault
        self.sprung = asyncio.Event()
        """Set once a statement was caught; with LOSE_ANSWER, once it was applied."""
        self.answers: list[Message] = []
        """What the node said to the statements that were caught, as far as they arrived there."""
        self._nth = nth
        self._next = next_too
        self._meanwhile = meanwhile
        self._seen = 0
        self._caught = False
        self._released = asyncio.Event()
        self._held: list[asyncio.Event] = []

    async def catches(self, statements: Collection[str]) -> bool:
        """Say whether the fault happens to a request."""
        if any(self.statement in cql for cql in statements):
            self._seen += 1
            if self._seen in self._nth:
                self._caught = True
                return True
            if self._caught and self.fault is Fault.HOLD_UNTIL_NEXT:
                await self.release()
        elif self._next and self.sprung.is_set():
            self._next = False
            return True
        return False

    async def spring(self) -> None:
        """Let others do what they do meanwhile, once."""
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        self.sprung.set()

    def hold(self) -> asyncio.Event:
        """Note that a request is held; return what to set once the node has answered it."""
        answered = asyncio.Event()
        self._held.append(answered)
        return answered

    async def until_released(self) -> None:
        """Wait until what is held may go on."""
        await self.spring()
        await self._released.wait()

    async def release(self) -> None:
        """Let through what is held; returns once the node has answered all of it."""
        self._released.set()
        async with asyncio.timeout(_ARRIVES_WITHIN_S):
            await asyncio.gather(*(answered.wait() for answered in self._held))


class CqlProxy:
    """Listens on a free port of 127.0.0.1 and passes on to a node.

    Args:
        host: the node's address.
        port: where it listens for clients.
    """

    def __init__(self, host: str, port: int) -> None:
        self.port = 0
        self.statements: dict[bytes, str] = {}
        """Prepared statements by id; a node gives every connection the same."""
        self.trap: Trap | None = None
        self.failures: list[BaseException] = []
        self._node = (host, port)
        self._links: set[_Link] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._closing = False
        self._server: asyncio.Server | None = None

    def set(self, trap: Trap) -> Trap:
        """Let a fault happen from now on; the trap takes the place of the one before."""
        self.trap = trap
        return trap

    def cut_all(self) -> None:
        """Cut every connection that there is; new ones are served."""
        for link in self._links:
            link.client.cut()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self._closing = True
        for link in self._links:
            link.cut()
        await asyncio.gather(*self._serving)
        assert not self.failures, self.failures

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        client = Wire(reader, writer)
        try:
            await self._link(client)
        except ConnectionError:  # the node is down: so is what stands for it
            pass
        finally:
            await client.closed()
            self._serving.discard(task)

    async def _link(self, client: Wire) -> None:
        node = Wire(*await asyncio.open_connection(*self._node))
        link = _Link(self, client, node)
        self._links.add(link)
        try:
            if not self._closing:
                await link.run()
        finally:
            self._links.discard(link)
            await node.closed()


class _Link:
    """One connection of a client, and the one to the node that belongs to it."""

    def __init__(self, proxy: CqlProxy, client: Wire, node: Wire) -> None:
        self.client = client
        self._proxy = proxy
        self._node = node
        self._preparing: dict[int, str] = {}
        self._caught: dict[int, Trap] = {}
        self._held: dict[int, asyncio.Event] = {}
        self._holding: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Pass on until one end hangs up; what is held arrives all the same."""
        up, down = asyncio.create_task(self._requests()), asyncio.create_task(self._answers())
        try:
            await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
            if self._holding:
                await asyncio.wait((down,))
        finally:
            for task in (up, down, *self._holding):
                task.cancel()
            ends = await asyncio.gather(up, down, *self._holding, return_exceptions=True)
            self._proxy.failures += [end for end in ends if isinstance(end, Exception)]

    def cut(self) -> None:
        """Cut both connections; what is held never arrives."""
        self.client.cut()
        self._node.cut()

    async def _requests(self) -> None:
        with contextlib.suppress(*_HUNG_UP):
            while await self._pass_on(await self.client.read()):
                pass

    async def _pass_on(self, message: Message) -> bool:
        """Send a request to the node, or let happen what is planned; False ends the connection."""
        if message.opcode == PREPARE:
            self._preparing[message.stream] = prepared_text(message)
        trap = await self._trap_of(message)
        if trap is None:
            await self._node.write(message)
        elif trap.fault is Fault.LOSE_REQUEST:
            await trap.spring()
            return False
        elif trap.fault is Fault.LOSE_ANSWER:
            self._caught[message.stream] = trap
            await self._node.write(message)
        else:
            self._holding.add(asyncio.create_task(self._hold(message, trap, trap.hold())))
        if message.opcode == STARTUP:
            self.client.reads_segments = self._node.writes_segments = True
        return True

    async def _trap_of(self, message: Message) -> Trap | None:
        trap = self._proxy.trap
        if trap is None or message.opcode not in {QUERY, EXECUTE, BATCH}:
            return None
        known = self._proxy.statements
        texts = [part if isinstance(part, str) else known.get(part, "") for part in statements_of(message)]
        return trap if await trap.catches(texts) else None

    async def _hold(self, message: Message, trap: Trap, answered: asyncio.Event) -> None:
        await trap.until_released()
        self._caught[message.stream] = trap
        self._held[message.stream] = answered
        await self._node.write(message)

    async def _answers(self) -> None:
        with contextlib.suppress(*_HUNG_UP):
            while await self._pass_back(await self._node.read()):
                pass

    async def _pass_back(self, message: Message) -> bool:
        """Send an answer to the client, or let happen what is planned; False ends the connection."""
        prepared = self._preparing.pop(message.stream, None)
        if prepared is not None and (id_ := message.prepared_id) is not None:
            self._proxy.statements[id_] = prepared
        trap = self._caught.pop(message.stream, None)
        if trap is not None:
            trap.answers.append(message)
            if trap.fault is Fault.LOSE_ANSWER:
                await trap.spring()
                return False
        await self.client.write(message)
        if message.opcode in {READY, AUTHENTICATE}:
            self._node.reads_segments = self.client.writes_segments = True
        if message.stream in self._held:
            self._held.pop(message.stream).set()
        return True
