"""What a request's body says it is."""

from starlette.requests import Request

from store_kit.problems import UnsupportedMediaType


def require_json(request: Request) -> None:
    """Pass a body that says it is JSON (`application/json`, or `+json` of RFC 6839).

    Raises:
        UnsupportedMediaType: it says something else, or nothing.
    """
    if not is_json(request):
        raise UnsupportedMediaType("Send JSON, with the header 'Content-Type: application/json'.")


def is_json(request: Request) -> bool:
    """Say whether a request's body is said to be JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
