"""What every error of the shop must look like."""

import re
from typing import Final

from tests.support.people import Answer

_TRACE: Final = re.compile(r"[0-9a-f]{32}")


def must_be_sound(answer: Answer, what: str) -> None:
    """Fail on a fault of ours, and on an error that is no problem document with a trace id."""
    assert answer.status < 500, f"{what}: {answer.status} {answer.body[:500]!r}"
    if answer.status >= 400:
        must_be_problem(answer, what)


def must_be_problem(answer: Answer, what: str) -> None:
    """Fail unless an error is a problem document (RFC 9457) of its own status, with its trace id."""
    assert answer.headers.get("Content-Type") == "application/problem+json", f"{what}: {answer}"
    told = answer.json
    assert told["status"] == answer.status, f"{what}: {told}"
    assert told["type"].startswith("/docs/problems/#"), f"{what}: {told}"
    assert told["title"], what
    assert told["detail"], what
    assert _TRACE.fullmatch(told["trace_id"]), f"{what}: {told}"
    assert answer.headers.get("X-Trace-Id") == told["trace_id"], f"{what}: {told}"
    assert "Traceback" not in answer.body.decode(), what
