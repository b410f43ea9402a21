"""A dashboard: rows of panels, with what all dashboards of the shop share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from infra.grafana.source.panels import SOURCE, WIDTH, Built, Panel, Row, built

TAG: Final = "product-store"
RANGE: Final = "30m"
"""What a dashboard shows when it is opened."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice at the top: the values of a label."""

    name: str
    label: str
    query: str


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard; its file is `uid`.json."""

    uid: str
    title: str
    description: str
    rows: Sequence[Row]
    variables: Sequence[Variable] = ()

    def json(self) -> str:
        """Return it as Grafana reads it."""
        return JSONEncoder(sort_keys=True, indent=2).encode(self._builder().build()) + "\n"

    def _builder(self) -> build.Dashboard:
        board = (
            build.Dashboard(self.title)
            .uid(self.uid)
            .description(self.description)
            .tags([TAG])
            .readonly()
            .refresh("10s")
            .time(f"now-{RANGE}", "now")
            .timezone("browser")
            .tooltip(model.DashboardCursorSync.CROSSHAIR)
            .link(_other_boards())
        )
        for variable in self.variables:
            board.with_variable(_chooser(variable))
        for annotation in (_alerts(), _starts()):
            board.annotation(annotation)
        for item in self._placed():
            if isinstance(item, build.Row):
                board.with_row(item)
            else:
                board.with_panel(item)
        return board

    def _placed(self) -> Iterator[build.Row | Built]:
        y = 0
        for row in self.rows:
            yield build.Row(row.title).grid_pos(model.GridPos(x=0, y=y, w=WIDTH, h=1))
            y += 1
            for line in _lines(row.panels):
                x = 0
                for panel in line:
                    yield built(panel, model.GridPos(x=x, y=y, w=panel.width, h=panel.height))
                    x += panel.width
                y += max(panel.height for panel in line)


def _lines(panels: Sequence[Panel]) -> Iterator[list[Panel]]:
    line: list[Panel] = []
    for panel in panels:
        if sum(one.width for one in line) + panel.width > WIDTH:
            yield line
            line = []
        line.append(panel)
    yield line


def _other_boards() -> build.DashboardLink:
    return (
        build.DashboardLink("Product Store")
        .type(model.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .keep_time(keep_time=True)
        .include_vars(include_vars=False)
    )


def _chooser(variable: Variable) -> build.QueryVariable:
    return (
        build.QueryVariable(variable.name)
        .label(variable.label)
        .datasource(SOURCE)
        .query(variable.query)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
    )


def _alerts() -> build.AnnotationQuery:
    return (
        build.AnnotationQuery()
        .name("Alerts")
        .datasource(SOURCE)
        .enable(enable=True)
        .icon_color("red")
        .expr('ALERTS{alertstate="firing", alertname!="Watchdog"}')
        .title_format("{{alertname}}")
        .text_format("{{service}}")
        .step("10s")
    )


def _starts() -> build.AnnotationQuery:
    return (
        build.AnnotationQuery()
        .name("Deploys and restarts")
        .datasource(SOURCE)
        .enable(enable=True)
        .icon_color("blue")
        .expr('process_start_time_seconds{job="shop"} * 1000')
        .use_value_for_time(use_value_for_time=True)
        .title_format("{{service}} started")
        .step("60s")
    )
