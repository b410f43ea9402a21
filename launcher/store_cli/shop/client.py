"""A client of the shop's public HTTP API for the commands: pooled, patient, and able to say what went wrong.

Every call the commands make is safe to repeat (reads, PUTs, POSTs under an Idempotency-Key, batches by SKU),
so a call that is answered "not now", or not at all, is repeated until its time is up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlencode

import aiohttp
import msgspec
from store_kit.backoff import Backoff
from store_kit.refusals import Refusal

T = TypeVar("T")

ATTEMPT_TIMEOUT_S = 30.0
PATIENCE_S = 60.0
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 2.0
_NOT_NOW = frozenset({429, 502, 503, 504})
_JSON = {"Content-Type": "application/json"}
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_encode = msgspec.json.Encoder().encode


class ShopError(Refusal):
    """The shop could not be used; the text is for the person who ran the command."""


class ShopUnreachable(ShopError):
    """No answer came within the time allowed."""


class ShopProblem(ShopError):
    """The shop answered with an error document (RFC 9457); `faults` are what it says of each field."""

    def __init__(self, status: int, slug: str, text: str, faults: Sequence["FieldFault"] = ()) -> None:
        super().__init__(text)
        self.status = status
        self.slug = slug
        self.faults = faults


class FieldFault(msgspec.Struct):
    """What is wrong with one field of what was sent."""

    field: str = ""
    message: str = ""


class _Document(msgspec.Struct):
    type: str = ""
    title: str = ""
    detail: str = ""
    trace_id: str = ""
    errors: list[FieldFault] = []


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete response."""

    method: str
    path: str
    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def ok(self) -> bool:
        """Whether the shop did what was asked."""
        return self.status < 300  # noqa: PLR2004 - the end of the 2xx

    def read(self, kind: type[T]) -> T:
        """Return the body as `kind`.

        Raises:
            ShopProblem: the answer is an error, or its body has another shape.
        """
        if not self.ok:
            raise self.problem()
        try:
            return msgspec.json.decode(self.body, type=kind)
        except msgspec.DecodeError as odd:
            text = f"{self.method} {self.path} answered {self.status} with something unexpected: {odd}"
            raise ShopProblem(self.status, "unexpected-answer", text) from odd

    def problem(self) -> ShopProblem:
        """Return the error document as an exception with a readable text."""
        try:
            document = msgspec.json.decode(self.body, type=_Document)
        except msgspec.DecodeError:
            document = _Document(title=self.body[:200].decode(errors="replace"))
        faults = "; ".join(f"{fault.field}: {fault.message}" for fault in document.errors)
        said = ". ".join(part.rstrip(".") for part in (document.title, document.detail, faults) if part)
        trace = f" (trace {document.trace_id})" if document.trace_id else ""
        text = (
            f"{self.method} {self.path} was answered with {self.status}: {said or 'no reason given'}{trace}"
        )
        return ShopProblem(self.status, document.type.rpartition("#")[2], text, document.errors)

    def pause_asked_for(self) -> float:
        """Return the seconds of Retry-After, 0 without one."""
        try:
            return float(self.headers.get("Retry-After", 0))
        except ValueError:
            return 0.0


class Shop:
    """Connections to one shop, to be used as an async context manager."""

    def __init__(self, base_url: str, *, connections: int = 64, patience_s: float = PATIENCE_S) -> None:
        self.base_url = base_url.rstrip("/")
        self._connections = connections
        self._patience_s = patience_s
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=ATTEMPT_TIMEOUT_S),
            headers={"User-Agent": "store-cli", "Accept": "application/json", "Accept-Encoding": "identity"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def once(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """Ask once.

        Raises:
            ShopUnreachable: no complete answer; whether the shop acted is not known.
        """
        if self._session is None:
            message = "the shop client is used outside its context"
            raise RuntimeError(message)
        try:
            async with self._session.request(
                method, self.base_url + path, data=body, headers=headers
            ) as response:
                content = await response.read()
                return Answer(method, path, response.status, content, response.headers)
        except (aiohttp.ClientError, TimeoutError, OSError) as failure:
            reason = str(failure) or type(failure).__name__
            text = f"No answer from the shop at {self.base_url}: {reason}. Is it running? (store up)"
            raise ShopUnreachable(text) from failure
        except ValueError as odd:
            text = f"{self.base_url!r} is not the address of a shop: {odd}"
            raise ShopError(text) from odd

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        patience_s: float | None = None,
    ) -> Answer:
        """Ask, and ask again while the shop says "not now" or nothing at all, up to the patience.

        Returns the last answer, whatever it says.

        Raises:
            ShopUnreachable: nothing was ever answered.
        """
        content, sent = _packed(body, form, headers or {})
        within_s = self._patience_s if patience_s is None else patience_s
        backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S, within_s=within_s)
        while True:
            try:
                answer = await self.once(method, path, content, sent)
            except ShopUnreachable:
                if not await backoff.pause():
                    raise
                continue
            if answer.status not in _NOT_NOW or not await backoff.pause(answer.pause_asked_for()):
                return answer


def _packed(
    body: object, form: Mapping[str, str] | None, headers: Mapping[str, str]
) -> tuple[bytes | None, Mapping[str, str]]:
    if form is not None:
        return urlencode(form).encode(), {**headers, **_FORM}
    if body is not None:
        return _encode(body), {**headers, **_JSON}
    return None, headers
