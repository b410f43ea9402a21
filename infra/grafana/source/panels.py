"""What dashboards are made of: graphs, numbers and tables, each with a unit and a description."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from grafana_foundation_sdk.builders import common, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models import common as shared
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE: Final = shared.DataSourceRef(type_val="prometheus", uid="prometheus")
WIDTH: Final = 24
"""Columns of a dashboard."""
GREEN, YELLOW, RED = "green", "yellow", "red"

Thresholds = Sequence[tuple[float | None, str]]
"""From which value on which colour; the first, from None on, is the base."""
NONE: Final[Thresholds] = ((None, GREEN),)
LATENCY: Final[Thresholds] = ((None, GREEN), (0.2, YELLOW), (0.5, RED))
"""P95 < 200 ms is hoped for, P99 > 500 ms is alerted on."""
ERRORS: Final[Thresholds] = ((None, GREEN), (0.01, YELLOW), (0.05, RED))
ANY_IS_BAD: Final[Thresholds] = ((None, GREEN), (1, RED))
SATURATION: Final[Thresholds] = ((None, GREEN), (0.7, YELLOW), (0.9, RED))


@dataclass(frozen=True, slots=True)
class Query:
    """One expression; `legend` names its series by their labels."""

    expr: str
    legend: str = ""


def quantiles(histogram: str, labels: str = "", by: str = "", legend: str = "") -> tuple[Query, ...]:
    """Return P50, P95 and P99 of a histogram over five minutes, apart by the labels `by`."""
    grouped = f"le, {by}" if by else "le"
    return tuple(
        Query(
            f"histogram_quantile({share}, sum by ({grouped}) (rate({histogram}_bucket{labels}[5m])))",
            f"{name} {legend}".strip(),
        )
        for share, name in ((0.5, "P50"), (0.95, "P95"), (0.99, "P99"))
    )


@dataclass(frozen=True, slots=True)
class Panel:
    """What every kind of panel has."""

    title: str
    description: str
    unit: str
    queries: Sequence[Query]
    thresholds: Thresholds = NONE
    width: int = 8
    height: int = 8


@dataclass(frozen=True, slots=True)
class Graph(Panel):
    """Lines over time; thresholds are drawn as dashed lines."""

    stacked: bool = False


@dataclass(frozen=True, slots=True)
class Number(Panel):
    """The latest value, large."""

    width: int = 4
    height: int = 4


@dataclass(frozen=True, slots=True)
class Table(Panel):
    """The series of this moment as rows."""

    hidden: Sequence[str] = field(default=("Time", "Value", "__name__"))


@dataclass(frozen=True, slots=True)
class Row:
    """A heading and the panels below it, left to right, wrapped."""

    title: str
    panels: Sequence[Panel]


Built = timeseries.Panel | stat.Panel | table.Panel


def built(panel: Panel, at: model.GridPos) -> Built:
    """Return a panel in Grafana's terms."""
    made = _MAKERS[type(panel)](panel)
    for place, query in enumerate(panel.queries):
        target = _target(query, "ABCDEFGH"[place], instant=not isinstance(panel, Graph))
        made.with_target(target.format(PromQueryFormat.TABLE) if isinstance(panel, Table) else target)
    return (
        made.title(panel.title)
        .description(panel.description)
        .unit(panel.unit)
        .datasource(SOURCE)
        .thresholds(_thresholds(panel.thresholds))
        .grid_pos(at)
    )


def _target(query: Query, ref: str, *, instant: bool) -> Dataquery:
    target = Dataquery().datasource(SOURCE).ref_id(ref).expr(query.expr).legend_format(query.legend)
    return target.instant() if instant else target.range()


def _thresholds(steps: Thresholds) -> build.ThresholdsConfig:
    return (
        build.ThresholdsConfig()
        .mode(model.ThresholdsMode.ABSOLUTE)
        .steps([model.Threshold(value=value, color=color) for value, color in steps])
    )


def _graph(panel: Panel) -> Built:
    graph = (
        timeseries.Panel()
        .min(0)
        .line_width(1)
        .fill_opacity(10)
        .show_points(shared.VisibilityMode.NEVER)
        .legend(
            common.VizLegendOptions()
            .display_mode(shared.LegendDisplayMode.LIST)
            .placement(shared.LegendPlacement.BOTTOM)
            .show_legend(show_legend=True)
        )
        .tooltip(common.VizTooltipOptions().mode(shared.TooltipDisplayMode.MULTI))
    )
    if len(panel.thresholds) > 1:
        dashed = common.GraphThresholdsStyleConfig().mode(shared.GraphThresholdsStyleMode.DASHED)
        graph.thresholds_style(dashed)
    if isinstance(panel, Graph) and panel.stacked:
        graph.stacking(common.StackingConfig().mode(shared.StackingMode.NORMAL)).fill_opacity(40)
    return graph


def _number(_: Panel) -> Built:
    last = common.ReduceDataOptions().calcs(["lastNotNull"]).values(values=False)
    return stat.Panel().reduce_options(last).graph_mode(shared.BigValueGraphMode.NONE)


def _table(panel: Panel) -> Built:
    hidden = dict.fromkeys(panel.hidden, True) if isinstance(panel, Table) else {}
    organise = model.DataTransformerConfig(id_val="organize", options={"excludeByName": hidden})
    return table.Panel().with_transformation(organise)


_MAKERS: Final = {Graph: _graph, Number: _number, Table: _table}
