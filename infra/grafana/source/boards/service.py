"""Rate, errors, duration of one service, which is chosen at the top."""

from typing import Final

from infra.grafana.source.board import Board, Variable
from infra.grafana.source.panels import ANY_IS_BAD, ERRORS, GREEN, LATENCY, RED, YELLOW, Graph, Query, Row

_HTTP: Final = Row("Rate, errors, duration", (
    Graph(
        "Requests by route", "What the service serves, by the route's template.",
        "reqps", (Query('service_handler:http_requests:rate5m{service="$service"}', "{{handler}}"),),
    ),
    Graph(
        "Answers by status", "What the service answers.",
        "reqps",
        (Query('sum by (status) (rate(http_requests_total{service="$service"}[$__rate_interval]))', "{{status}}"),),
        stacked=True,
    ),
    Graph(
        "Failed requests", "Share of answers that are 5xx. Alert: HighErrorRatio.",
        "percentunit", (Query('service:http_errors:ratio_rate5m{service="$service"}', "5xx"),), ERRORS,
    ),
    Graph(
        "Latency", "Of all routes together, event streams left out. Alert: HighP99Latency.",
        "s",
        (
            Query('service:http_request_duration_seconds:p50_5m{service="$service"}', "P50"),
            Query('service:http_request_duration_seconds:p95_5m{service="$service"}', "P95"),
            Query('service:http_request_duration_seconds:p99_5m{service="$service"}', "P99"),
        ),
        LATENCY,
    ),
    Graph(
        "P50 by route", "What is usual.",
        "s", (Query('service_handler:http_request_duration_seconds:p50_5m{service="$service"}', "{{handler}}"),),
    ),
    Graph(
        "P95 and P99 by route", "Which route is slow.",
        "s",
        (
            Query('service_handler:http_request_duration_seconds:p95_5m{service="$service"}', "P95 {{handler}}"),
            Query('service_handler:http_request_duration_seconds:p99_5m{service="$service"}', "P99 {{handler}}"),
        ),
        LATENCY,
    ),
))  # fmt: skip

_DOOR: Final = Row("At the door", (
    Graph(
        "Requests in hand", "What is being served, by how it came in. Orders take the places of readers first.",
        "short", (Query('sum by (lane) (store_requests_in_hand{service="$service"})', "{{lane}}"),),
    ),
    Graph(
        "Refused: too many in hand", "Answered 503 `overloaded` at once; nothing was begun.",
        "reqps",
        (
            Query(
                'sum by (lane) (rate(store_requests_refused_total{service="$service"}[$__rate_interval]))', "{{lane}}"
            ),
        ),
        ANY_IS_BAD,
    ),
    Graph(
        "Not read", "Requests that did not arrive whole, by what was wrong; `abandoned`: the client hung up.",
        "reqps",
        (
            Query(
                'sum by (reason) (rate(store_requests_not_read_total{service="$service"}[$__rate_interval]))',
                "{{reason}}",
            ),
        ),
    ),
))  # fmt: skip

_DATABASE: Final = Row("Database, as the service sees it", (
    Graph(
        "Operations by table", "Operations on the database.",
        "ops",
        (
            Query(
                "sum by (table) (rate(db_client_operation_duration_seconds_count"
                '{service="$service"}[$__rate_interval]))',
                "{{table}}",
            ),
        ),
    ),
    Graph(
        "P99 by operation", "Queueing included.",
        "s",
        (
            Query(
                "histogram_quantile(0.99, sum by (le, table, operation) "
                '(rate(db_client_operation_duration_seconds_bucket{service="$service"}[5m])))',
                "{{table}}.{{operation}}",
            ),
        ),
        LATENCY,
    ),
    Graph(
        "Outcomes", "`ok`, or the error that the operation ended in.",
        "ops",
        (
            Query(
                "sum by (outcome) (rate(db_client_operation_duration_seconds_count"
                '{service="$service"}[$__rate_interval]))',
                "{{outcome}}",
            ),
        ),
    ),
    Graph(
        "Statements in flight", "Statements that wait for Cassandra's answer.",
        "short", (Query('sum(store_cassandra_in_flight{service="$service"})', "in flight"),),
    ),
    Graph(
        "Lost races and lost answers",
        "Conditional writes that another writer won, and writes whose answer never came: both are resolved.",
        "ops",
        (
            Query(
                'sum by (operation) (rate(store_cassandra_cas_lost_total{service="$service"}[$__rate_interval]))',
                "lost race {{operation}}",
            ),
            Query(
                "sum by (operation) "
                '(rate(store_cassandra_unknown_outcomes_total{service="$service"}[$__rate_interval]))',
                "lost answer {{operation}}",
            ),
        ),
    ),
    Graph(
        "Background work that failed", "Failed steps of workers; each is tried again. Alert: BackgroundWorkFails.",
        "ops",
        (
            Query(
                'sum by (worker) (rate(store_worker_errors_total{service="$service"}[$__rate_interval]))', "{{worker}}"
            ),
        ),
        ((None, GREEN), (0.05, RED)),
    ),
))  # fmt: skip

_PEERS: Final = Row("Neighbours and the process", (
    Graph(
        "Breakers", "The circuits to other services: 0 closed, 1 half open, 2 open. Alert: BreakerOpen.",
        "short", (Query("max by (service, peer) (store_breaker_state)", "{{service}} to {{peer}}"),),
        ((None, GREEN), (1, YELLOW), (2, RED)),
    ),
    Graph(
        "Calls sent again", "Calls to another service that were repeated after a failure.",
        "ops",
        (
            Query(
                "sum by (service, peer) (rate(store_peer_retries_total[$__rate_interval]))", "{{service}} to {{peer}}"
            ),
        ),
        ANY_IS_BAD,
    ),
    Graph(
        "CPU and open files", "Cores in use, and open file descriptors as a share of what is allowed.",
        "percentunit",
        (
            Query(
                'rate(process_cpu_seconds_total{job="shop", service="$service"}[$__rate_interval])',
                "CPU {{instance}}",
            ),
            Query(
                'process_open_fds{job="shop", service="$service"} / process_max_fds', "files {{instance}}"
            ),
        ),
    ),
))  # fmt: skip

SERVICE: Final = Board(
    "service", "Service (RED)", "Rate, errors and duration of one service, its database, its neighbours.",
    (_HTTP, _DOOR, _DATABASE, _PEERS),
    (Variable("service", "Service", 'label_values(up{job="shop"}, service)'),),
)  # fmt: skip
