"""nginx: connections, throughput, and how long its upstreams keep it waiting."""

from typing import Final

from infra.grafana.source.board import Board
from infra.grafana.source.panels import ANY_IS_BAD, ERRORS, LATENCY, Graph, Query, Row, quantiles

_UPSTREAM: Final = "gateway_http_upstream_time_seconds_hist"

_CONNECTIONS: Final = Row("Connections", (
    Graph(
        "Connections", "Open connections of clients, by what they do.",
        "short",
        (
            Query("nginx_connections_active", "active"),
            Query("nginx_connections_reading", "reading"),
            Query("nginx_connections_writing", "writing"),
            Query("nginx_connections_waiting", "waiting"),
        ),
    ),
    Graph(
        "Accepted and handled", "New connections a second; a difference means that connections were dropped.",
        "ops",
        (
            Query("rate(nginx_connections_accepted[$__rate_interval])", "accepted"),
            Query("rate(nginx_connections_handled[$__rate_interval])", "handled"),
        ),
    ),
    Graph(
        "Requests", "All requests, those of the exporter included.",
        "reqps", (Query("rate(nginx_http_requests_total[$__rate_interval])", "requests"),),
    ),
))  # fmt: skip

_ANSWERS: Final = Row("Answers", (
    Graph(
        "Answers by status", "429: a client was too fast.",
        "reqps",
        (Query("sum by (status) (rate(gateway_http_response_count_total[$__rate_interval]))", "{{status}}"),),
        stacked=True,
    ),
    Graph(
        "Answers by service", "`nginx` is what it answers itself.",
        "reqps", (Query("service:gateway_responses:rate5m", "{{service}}"),),
    ),
    Graph(
        "Failed answers", "Share of answers that are 5xx. Alert: GatewayErrors.",
        "percentunit", (Query("gateway:errors:ratio_rate5m", "5xx"),), ERRORS,
    ),
    Graph(
        "Throughput", "Bytes of bodies sent and of requests received.",
        "Bps",
        (
            Query("sum(rate(gateway_http_response_size_bytes[$__rate_interval]))", "sent"),
            Query("sum(rate(gateway_http_request_size_bytes[$__rate_interval]))", "received"),
        ),
    ),
    Graph(
        "Time of a request", "From the first byte of the request to the last of the answer, event streams left out.",
        "s", quantiles("gateway_http_response_time_seconds_hist", '{kind="request"}'), LATENCY,
    ),
    Graph(
        "Log lines that the exporter did not understand", "Each is a request that is missing on this page.",
        "ops", (Query("sum(rate(gateway_parse_errors_total[$__rate_interval]))", "unread"),), ANY_IS_BAD,
    ),
))  # fmt: skip

_UPSTREAMS: Final = Row("Upstreams", (
    Graph(
        "P99 by service", "How long a service keeps nginx waiting, retries added up. Alert: GatewaySlowUpstream.",
        "s", (Query("service:gateway_upstream_seconds:p99_5m", "{{service}}"),), LATENCY,
    ),
    Graph(
        "Quantiles by service", "P50, P95 and P99.",
        "s", quantiles(_UPSTREAM, '{kind="request"}', "service", "{{service}}"), LATENCY,
    ),
    Graph(
        "P95 by status", "Whether it is the failures that are slow.",
        "s", (quantiles(_UPSTREAM, '{kind="request"}', "status", "{{status}}")[1],), LATENCY,
    ),
))  # fmt: skip

NGINX: Final = Board(
    "nginx", "Nginx", "Connections, answers, throughput and the latency of upstreams.",
    (_CONNECTIONS, _ANSWERS, _UPSTREAMS),
)  # fmt: skip
