"""HTTP metrics by prometheus-fastapi-instrumentator, with one observation of ours and cached labels."""

from collections.abc import Callable
from typing import Final

from fastapi import FastAPI
from prometheus_fastapi_instrumentator.metrics import Info
from prometheus_fastapi_instrumentator.middleware import PrometheusInstrumentatorMiddleware
from starlette.requests import Request

from store_kit.logs import trace_id_var
from store_kit.metrics import Metrics

UNKNOWN: Final = "none"
"""The handler of a request that no route answers, so that paths never become labels."""
_NOT_COUNTED: Final = frozenset({"/metrics", "/health/live", "/health/ready"})


class _Instrumentator(PrometheusInstrumentatorMiddleware):
    """The library's middleware, without its own search for the route: the router finds it anyhow."""

    def _get_handler(self, _request: Request) -> tuple[str, bool]:
        return UNKNOWN, True


Observe = Callable[[str, str, str, float], None]
"""Counts one request: method, template of its route, status, seconds."""


def instrument(app: FastAPI, metrics: Metrics) -> Observe:
    """Count and time every request of an app; return what counts, for requests that the app does not see."""
    observe = _observation(metrics)

    def observe_info(info: Info) -> None:
        observe(info.method, _template(info.request), info.modified_status, info.modified_duration)

    app.add_middleware(
        _Instrumentator,
        should_group_status_codes=False,
        instrumentations=[observe_info],
        registry=metrics.registry,
    )
    return observe


def _observation(metrics: Metrics) -> Observe:
    labels = ("method", "handler", "status")
    requests = metrics.counter("http_requests_total", "HTTP requests served.", labels)
    duration = metrics.histogram("http_request_duration_seconds", "Time to serve an HTTP request.", labels)
    children: dict[tuple[str, str, str], tuple[Callable[[], None], Callable[..., None]]] = {}

    def observe(method: str, handler: str, status: str, seconds: float) -> None:
        if handler in _NOT_COUNTED:
            return
        key = (method, handler, status)
        child = children.get(key)
        if child is None:
            child = children[key] = (requests.labels(*key).inc, duration.labels(*key).observe)
        child[0]()
        child[1](seconds, {"trace_id": trace_id_var.get()})

    return observe


def _template(request: Request) -> str:
    return getattr(request.scope.get("route"), "path", UNKNOWN)
