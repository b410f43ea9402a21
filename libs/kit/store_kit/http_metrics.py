"""HTTP metrics by prometheus-fastapi-instrumentator, with one observation of ours and cached labels."""

from collections.abc import Callable

from fastapi import FastAPI
from prometheus_fastapi_instrumentator import Instrumentator
from prometheus_fastapi_instrumentator.metrics import Info

from store_kit.logs import trace_id_var
from store_kit.metrics import Metrics


def instrument(app: FastAPI, metrics: Metrics) -> None:
    """Count and time every request of an app; `handler` is the route's template, never the path."""
    Instrumentator(
        should_group_status_codes=False,
        excluded_handlers=["^/metrics$", "^/health/"],
        registry=metrics.registry,
    ).add(_observation(metrics)).instrument(app)


def _observation(metrics: Metrics) -> Callable[[Info], None]:
    labels = ("method", "handler", "status")
    requests = metrics.counter("http_requests_total", "HTTP requests served.", labels)
    duration = metrics.histogram("http_request_duration_seconds", "Time to serve an HTTP request.", labels)
    children: dict[tuple[str, str, str], tuple[Callable[[], None], Callable[..., None]]] = {}

    def observe(info: Info) -> None:
        key = (info.method, info.modified_handler, info.modified_status)
        child = children.get(key)
        if child is None:
            child = children[key] = (requests.labels(*key).inc, duration.labels(*key).observe)
        child[0]()
        child[1](info.modified_duration, {"trace_id": trace_id_var.get()})

    return observe
