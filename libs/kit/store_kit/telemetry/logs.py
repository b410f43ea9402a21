"""Structured logs: events named `noun.verbed` with fields; JSON in containers, coloured on a terminal.

Nothing secret or personal is ever a field: the redaction below is a net under that rule, not its replacement.
"""

import contextlib
import logging
import sys
from collections.abc import Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any, Final, TextIO, cast

import structlog

trace_id_var: ContextVar[str] = ContextVar("trace_id", default="")
"""The trace id (32 hex digits) of the request being served."""

_NEVER: Final = frozenset(
    {
        "password",
        "token",
        "access_token",
        "refresh_token",
        "secret",
        "authorization",
        "email",
        "name",
        "cookie",
    }
)


class _Unfailing:
    """A stream whose writes never fail: on a full disk, or when the reader of a pipe is gone, lines are lost.

    Otherwise the request that a line tells of would be lost with it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Write if it can be written."""
        with contextlib.suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        """Hand on what was written, if it can be."""
        with contextlib.suppress(OSError):
            self._stream.flush()


def get_logger(component: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a component."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(component=component)
    return logger


def configure_logs(level: str, form: str) -> None:
    """Set up logging of the whole process: `form` is `json`, `console`, or `auto` (console on a terminal)."""
    console = form == "console" or (form == "auto" and sys.stderr.isatty())
    # Plain tracebacks: one that shows local variables would print tokens and e-mails.
    renderer: Any = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if console
        else structlog.processors.JSONRenderer()
    )
    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace_id,
        _redact,
    ]
    rendering = [renderer] if console else [structlog.processors.ExceptionRenderer(), renderer]
    structlog.configure(
        processors=[*shared, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(_level(level)),
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", _Unfailing(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    _route_stdlib(shared, rendering, level)


def _route_stdlib(shared: list[Any], rendering: list[Any], level: str) -> None:
    """Let libraries' own log lines (uvicorn, asyncio) come out in the same form, from warning upwards."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(_level(level), logging.WARNING))


def _level(name: str) -> int:
    return logging.getLevelNamesMapping()[name.upper()]


def _add_trace_id(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    trace_id = trace_id_var.get()
    if trace_id:
        event["trace_id"] = trace_id
    return event


def _redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    for key in event.keys() & _NEVER:
        event[key] = "[redacted]"
    return event
