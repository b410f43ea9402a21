"""The user service: its HTTP and its business, as the seed asks."""

from typing import Final

from infra.grafana.source.board import Board
from infra.grafana.source.panels import (
    ANY_IS_BAD,
    ERRORS,
    GREEN,
    LATENCY,
    RED,
    YELLOW,
    Graph,
    Number,
    Query,
    Row,
    quantiles,
)

_HTTP: Final = Row("HTTP", (
    Graph(
        "Requests by route", "What the service serves, by the route's template.",
        "reqps", (Query('service_handler:http_requests:rate5m{service="user"}', "{{handler}}"),),
    ),
    Graph(
        "Answers by status", "400 are wrong passwords, 429 too many attempts, 503 a full queue of passwords.",
        "reqps",
        (Query('sum by (status) (rate(http_requests_total{service="user"}[$__rate_interval]))', "{{status}}"),),
        stacked=True,
    ),
    Graph(
        "Failed requests", "Share of answers that are 5xx. Alert: HighErrorRatio.",
        "percentunit", (Query('service:http_errors:ratio_rate5m{service="user"}', "5xx"),), ERRORS,
    ),
    Graph(
        "Latency", "Of all routes together. A password hash takes 20 ms of CPU by design. Alert: HighP99Latency.",
        "s",
        (
            Query('service:http_request_duration_seconds:p50_5m{service="user"}', "P50"),
            Query('service:http_request_duration_seconds:p95_5m{service="user"}', "P95"),
            Query('service:http_request_duration_seconds:p99_5m{service="user"}', "P99"),
        ),
        LATENCY, width=12,
    ),
    Graph(
        "P99 by route", "Which route is slow.",
        "s", (Query('service_handler:http_request_duration_seconds:p99_5m{service="user"}', "{{handler}}"),),
        LATENCY, width=12,
    ),
))  # fmt: skip

_BUSINESS: Final = Row("Business", (
    Number(
        "Registrations", "Accounts opened in the time shown.",
        "short", (Query("sum(increase(store_users_registered_total[$__range]))"),),
    ),
    Number(
        "Sign-ins", "Successful sign-ins by password in the time shown.",
        "short", (Query('sum(increase(store_logins_total{outcome="ok"}[$__range]))'),),
    ),
    Graph(
        "Registrations a minute", "Accounts opened by customers.",
        "short", (Query("sum(rate(store_users_registered_total[$__rate_interval])) * 60", "registrations"),),
    ),
    Graph(
        "Sign-ins by outcome", "Sign-ins by password. Alert: LoginFailures above one a second that is not `ok`.",
        "ops", (Query("sum by (outcome) (rate(store_logins_total[$__rate_interval]))", "{{outcome}}"),),
    ),
))  # fmt: skip

_SECURITY: Final = Row("Security", (
    Graph(
        "Security events", "What the log tells one by one: sign-ins, refusals, changes by administrators. Of all.",
        "ops", (Query("sum by (event) (rate(store_security_events_total[$__rate_interval]))", "{{event}}"),),
    ),
    Graph(
        "Refused", "Access tokens that were not valid, and roles or scopes that were not enough, by service.",
        "ops",
        (
            Query(
                'sum by (service, event) (rate(store_security_events_total{event=~".*refused"}[$__rate_interval]))',
                "{{service}} {{event}}",
            ),
        ),
    ),
    Graph(
        "Age of the list of ended tokens", "How long ago each service fetched it. Alert: RevocationsStale.",
        "s", (Query("max by (service) (store_revocations_age_seconds)", "{{service}}"),),
        ((None, GREEN), (10, YELLOW), (30, RED)),
    ),
))  # fmt: skip

_PASSWORDS: Final = Row("Passwords", (
    Graph(
        "Time of a password", "Waiting for a free thread and hashing.",
        "s",
        quantiles("store_password_hash_seconds"),
        LATENCY,
    ),
    Graph(
        "Passwords waiting", "Being hashed or waiting; above 256 sign-ins are answered 503.",
        "short", (Query("sum(store_password_hashes_pending)", "pending"),), ((None, GREEN), (64, YELLOW), (256, RED)),
    ),
    Graph(
        "Passwords refused", "Sign-ins answered 503 because the queue was full.",
        "ops", (Query("sum(rate(store_password_hashes_refused_total[$__rate_interval]))", "refused"),), ANY_IS_BAD,
    ),
))  # fmt: skip

USER_SERVICE: Final = Board(
    "user-service",
    "User Service",
    "Requests, latency, registrations, sign-ins and security events.",
    (_HTTP, _BUSINESS, _SECURITY, _PASSWORDS),
)
