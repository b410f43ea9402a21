"""The business: from a registration to a delivered parcel."""

from typing import Final

from infra.grafana.source.board import Board
from infra.grafana.source.panels import GREEN, RED, YELLOW, Graph, Number, Query, Row, quantiles

_FUNNEL: Final = Row("Funnel, in the time shown", (
    Number(
        "Registrations", "Accounts opened.",
        "short", (Query("sum(increase(store_users_registered_total[$__range]))"),),
    ),
    Number(
        "Put into carts", "Lines put into carts.",
        "short", (Query("sum(increase(store_cart_items_added_total[$__range]))"),),
    ),
    Number(
        "Requests to order", "Requests to place an order, however they ended.",
        "short", (Query("sum(increase(store_checkouts_total[$__range]))"),),
    ),
    Number(
        "Orders", "Orders placed and paid.",
        "short", (Query("sum(increase(store_orders_created_total[$__range]))"),),
    ),
    Number(
        "Delivered", "Orders that arrived.",
        "short", (Query('sum(increase(store_orders_status_total{status="DELIVERED"}[$__range]))'),),
    ),
    Number(
        "Cancelled", "Orders that were called off.",
        "short", (Query('sum(increase(store_orders_status_total{status="CANCELLED"}[$__range]))'),),
    ),
))  # fmt: skip

_ORDERS: Final = Row("Orders", (
    Graph(
        "Orders a minute", "Orders placed and paid.",
        "short", (Query("sum(rate(store_orders_created_total[$__rate_interval])) * 60", "orders"),),
    ),
    Graph(
        "How requests to order end", "`created`, `repeated`, or the problem. Alert: PaymentsDeclined.",
        "ops", (Query("sum by (outcome) (rate(store_checkouts_total[$__rate_interval]))", "{{outcome}}"),),
    ),
    Graph(
        "Orders by status", "How many orders are in each status now; every replica reads the same books.",
        "short", (Query("max by (status) (store_orders_in_status)", "{{status}}"),), stacked=True,
    ),
    Graph(
        "Money a minute", "Totals of placed orders, in major units of the shop's currency.",
        "short", (Query("sum(rate(store_order_value_sum[$__rate_interval])) * 60 / 100", "money"),),
    ),
    Graph(
        "Value of an order", "In minor units of the shop's currency.",
        "short", quantiles("store_order_value"),
    ),
    Graph(
        "Time to delivery", "From placing an order to its delivery.",
        "s", quantiles("store_order_delivery_seconds"),
    ),
))  # fmt: skip

_TRUTH: Final = Row("Stock and promises", (
    Graph(
        "Reservations", "What became of orders' reservations.",
        "ops",
        (Query("sum by (outcome) (rate(store_stock_reservations_total[$__rate_interval]))", "{{outcome}}"),),
    ),
    Graph(
        "Stock-outs a minute", "Orders refused because there was not enough.",
        "short",
        (
            Query(
                'sum(rate(store_stock_reservations_total{outcome="insufficient"}[$__rate_interval])) * 60', "stock-outs"
            ),
        ),
        ((None, GREEN), (10, YELLOW)),
    ),
    Graph(
        "Lateness of the latest order", "How long ago it should have moved on. Alert: OrdersStuck above a minute.",
        "s", (Query("max(store_orders_overdue_seconds)", "overdue"),), ((None, GREEN), (10, YELLOW), (60, RED)),
    ),
    Graph(
        "Orders finished by recovery", "By where they were found. Alert: SagaRecoveries.",
        "ops", (Query("sum by (step) (rate(store_saga_recovered_total[$__rate_interval]))", "{{step}}"),),
        ((None, GREEN), (0.1, RED)),
    ),
    Graph(
        "Lag of product lists", "By how much they may be behind the truth. Alert: CatalogIndexLag above 5 s.",
        "s", (Query("max by (instance) (store_catalog_index_lag_seconds)", "{{instance}}"),),
        ((None, GREEN), (1, YELLOW), (5, RED)),
    ),
    Graph(
        "Sign-ins by outcome", "Who comes in. Alert: LoginFailures.",
        "ops", (Query("sum by (outcome) (rate(store_logins_total[$__rate_interval]))", "{{outcome}}"),),
    ),
))  # fmt: skip

BUSINESS: Final = Board(
    "business",
    "Business",
    "Registrations, carts, orders, money, stock and delivery.",
    (_FUNNEL, _ORDERS, _TRUTH),
)
