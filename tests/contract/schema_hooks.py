"""Hooks of the schemathesis runs: what the tool must be told that an OpenAPI document cannot say.

Loaded by schemathesis itself (its setting `hooks`), in a process of its own.
"""

import uuid
from typing import Any

import schemathesis

KEY = "idempotency-key"


@schemathesis.hook
def before_load_schema(_context: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """Name the token a bearer token: schemathesis skips OAuth2 schemes, and with them the check `ignored_auth`."""
    for scheme in raw_schema["components"]["securitySchemes"].values():
        if scheme["type"] == "oauth2":
            scheme.clear()
            scheme.update({"type": "http", "scheme": "bearer"})


@schemathesis.hook
def before_call(
    _context: schemathesis.HookContext, case: "schemathesis.Case[Any]", _kwargs: dict[str, Any]
) -> None:
    """Give each request a key of its own: one key names one request, and a schema cannot say so."""
    if case.meta is not None and case.meta.generation.mode.is_positive:
        for name in case.headers or {}:
            if name.lower() == KEY:
                case.headers[name] = str(uuid.uuid4())
