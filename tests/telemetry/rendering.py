"""The configuration of the compose file for one machine without DNS, in which time runs ten times as fast.

Nothing but this differs from what is deployed:
- names that DNS would answer are files of addresses, which tests write (`file_sd_configs`), so that a target can
  vanish as a stopped container does;
- every duration of Prometheus' and Alertmanager's configuration, of rules and in the brackets of expressions is
  a tenth. Thresholds are not touched: rates are per second, latencies in seconds of the real clock;
- scrape_timeout is the whole scrape interval, since two cores run everything here;
- every receiver of Alertmanager has a webhook.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.support.cassandra import ROOT

INFRA = ROOT / "infra"
FASTER = 10
_UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(\d+)(ms|[smhd])")
_RANGE = re.compile(r"\[(\d+(?:ms|[smhd]))\]")
_TIMES = frozenset({
    "for", "interval", "keep_firing_for", "scrape_interval", "evaluation_interval", "refresh_interval",
    "group_wait", "group_interval", "repeat_interval",
})  # fmt: skip

Addresses = Mapping[str, str]
"""Name in DNS -> address with port on this machine."""


def faster(duration: str) -> str:
    """Return a tenth of a duration like `5m`."""
    matched = _DURATION.fullmatch(duration)
    assert matched, f"{duration!r} is no single duration"
    return f"{int(matched[1]) * _UNITS_MS[matched[2]] // FASTER}ms"


def hasten(value: Any, key: str = "") -> Any:
    """Return a configuration with every duration a tenth, ranges inside expressions included."""
    if isinstance(value, dict):
        return {name: hasten(below, name) for name, below in value.items()}
    if isinstance(value, list):
        return [hasten(below, key) for below in value]
    if key in _TIMES:
        return faster(value)
    return hasten_expression(value) if key == "expr" else value


def hasten_expression(expression: str) -> str:
    """Return an expression whose ranges are a tenth."""
    return _RANGE.sub(lambda found: f"[{faster(found[1])}]", expression)


def rule_files() -> list[Path]:
    """Return the deployed rules."""
    return sorted((INFRA / "prometheus/rules").glob("*.yml"))


def prometheus(folder: Path, addresses: Addresses, own: str) -> Path:
    """Write Prometheus' configuration, its rules and its files of targets; return the configuration."""
    (folder / "rules").mkdir(parents=True)
    for rules in rule_files():
        hastened = hasten(yaml.safe_load(rules.read_text()))
        (folder / "rules" / rules.name).write_text(yaml.safe_dump(hastened))
    config = hasten(yaml.safe_load((INFRA / "prometheus/prometheus.yml").read_text()))
    config["global"]["scrape_timeout"] = config["global"]["scrape_interval"]
    config["rule_files"] = [str(folder / "rules/*.yml")]
    for discovering in (*config["scrape_configs"], *config["alerting"]["alertmanagers"]):
        _without_dns(discovering, folder, addresses)
    for static in (job for job in config["scrape_configs"] if "static_configs" in job):
        static["static_configs"] = [{"targets": [own]}]
    rendered = folder / "prometheus.yml"
    rendered.write_text(yaml.safe_dump(config))
    return rendered


def appear(folder: Path, name: str, address: str) -> None:
    """Let a name be found, as DNS does for a container that runs."""
    _write(folder / f"{name}.json", [{"targets": [address], "labels": {"__meta_dns_name": name}}])


def vanish(folder: Path, name: str) -> None:
    """Let a name be found no longer, as DNS does for a container that was stopped."""
    _write(folder / f"{name}.json", [])


def alertmanager(folder: Path, webhook: str) -> Path:
    """Write Alertmanager's configuration, with a webhook at every receiver; return it."""
    config = hasten(yaml.safe_load((INFRA / "alertmanager/alertmanager.yml").read_text()))
    for receiver in config["receivers"]:
        receiver["webhook_configs"] = [{"url": f"{webhook}/{receiver['name']}", "send_resolved": True}]
    rendered = folder / "alertmanager.yml"
    rendered.write_text(yaml.safe_dump(config))
    return rendered


def log_exporter(folder: Path, *, port: int, syslog: int) -> None:
    """Write the configuration of the exporter of nginx' log: other ports, nothing else."""
    config = yaml.safe_load((INFRA / "exporters/nginxlog.yml").read_text())
    config["listen"] = {"port": port, "address": "127.0.0.1"}
    config["namespaces"][0]["source"]["syslog"]["listen_address"] = f"udp://127.0.0.1:{syslog}"
    (folder / "nginxlog.yml").write_text(yaml.safe_dump(config))


def _without_dns(discovering: dict[str, Any], folder: Path, addresses: Addresses) -> None:
    found = discovering.pop("dns_sd_configs", ())
    names = [name for config in found for name in config["names"]]
    for name in names:
        if name in addresses:
            appear(folder, name, addresses[name])
        else:
            vanish(folder, name)
    if names:
        files = [str(folder / f"{name}.json") for name in names]
        discovering["file_sd_configs"] = [{"files": files, "refresh_interval": "1s"}]


def _write(path: Path, targets: object) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(targets))
    fresh.rename(path)
