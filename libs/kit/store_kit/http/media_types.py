"""What a request's body says it is."""

from starlette.requests import Request

from store_kit.problems import UnsupportedMediaType


def require_json(request: Request) -> None:
    """Pass a body that says it is JSON (`application/json`, or `+json` of RFC 6839).

    Raises:
        UnsupportedMediaType: it says something else, or nothing.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise UnsupportedMediaType("Send JSON, with the header 'Content-Type: application/json'.")
