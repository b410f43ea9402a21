"""All dashboards."""

from typing import Final

from infra.grafana.source.board import Board
from infra.grafana.source.boards.business import BUSINESS
from infra.grafana.source.boards.cassandra import CASSANDRA
from infra.grafana.source.boards.load_test import LOAD_TEST
from infra.grafana.source.boards.nginx import NGINX
from infra.grafana.source.boards.overview import OVERVIEW
from infra.grafana.source.boards.prometheus import PROMETHEUS
from infra.grafana.source.boards.service import SERVICE
from infra.grafana.source.boards.user_service import USER_SERVICE

ALL: Final[tuple[Board, ...]] = (
    OVERVIEW,
    USER_SERVICE,
    SERVICE,
    BUSINESS,
    NGINX,
    CASSANDRA,
    PROMETHEUS,
    LOAD_TEST,
)
