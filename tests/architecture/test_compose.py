"""infra/docker-compose.yml keeps its promises about limits, privileges, networks and versions."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.architecture.tree import ROOT

INFRA = ROOT / "infra"
COMPOSE: dict[str, Any] = yaml.safe_load((INFRA / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
TOOLS = {name for name, service in SERVICES.items() if service.get("profiles") == ["tools"]}
PAGES = {"prometheus": 9090, "alertmanager": 9093, "grafana": 3000, "locust": 8089}
"""What people open besides the shop, and its port."""
PLAIN, INNER = "http://nginx", "http://nginx:8082"
DOCKERFILES = (INFRA / "Dockerfile", INFRA / "cassandra" / "Dockerfile")
DEFAULT = re.compile(r"\$\{\w+:-([^}]*)\}")


def limits(service: dict[str, Any]) -> dict[str, Any]:
    """Return the limits of a service."""
    found: dict[str, Any] = service["deploy"]["resources"]["limits"]
    return found


def filled(text: str) -> str:
    """Return a text with the defaults of its variables."""
    return DEFAULT.sub(r"\1", text)


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_may_do_nothing_it_need_not(name: str) -> None:
    """No capability, no new privileges, a root that cannot be written, bounded logs and processes."""
    service = SERVICES[name]
    assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
    assert service["read_only"] is True
    assert set(limits(service)) == {"memory", "cpus", "pids"}
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert service["restart"] in ("unless-stopped", "no")
    assert "cap_add" not in service
    assert "privileged" not in service


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_runs_as_a_user_with_a_number(name: str) -> None:
    """Not root: our images end with a numeric USER, others are given one."""
    image = SERVICES[name]["image"]
    if not image.startswith("product-store/"):
        assert re.fullmatch(r"[1-9]\d*:\d+", SERVICES[name]["user"])


def test_our_images_end_as_a_user_with_a_number() -> None:
    """The last USER of every stage that makes an image is a number, and not root's."""
    for path in DOCKERFILES:
        for stage in re.split(r"^FROM ", path.read_text(), flags=re.MULTILINE)[1:]:
            users = re.findall(r"^USER (\S+)", stage, re.MULTILINE)
            assert not users or re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1]), stage.partition("\n")[0]


def test_memory_limits_add_up_to_what_a_small_machine_has() -> None:
    """All containers together may take 4 GB, background traffic and those that end by themselves included."""
    sizes = {name: limits(service)["memory"] for name, service in SERVICES.items() if name not in TOOLS}
    assert sum(int(size.removesuffix("M")) for size in sizes.values()) <= 4096


def published(path: Path) -> dict[str, list[str]]:
    """Return what each service of a compose file publishes, variables unset."""
    services: dict[str, dict[str, Any]] = yaml.load(path.read_text(), Loader=_Lenient)["services"]  # noqa: S506 - a SafeLoader
    return {
        name: [filled(port) for port in service["ports"]]
        for name, service in services.items()
        if "ports" in service
    }


def test_only_what_people_open_is_published() -> None:
    """The gateway to the network, four pages to this machine; services and the database to containers only."""
    pages = {name: [f"127.0.0.1:{port}:{port}"] for name, port in PAGES.items()}
    assert published(INFRA / "docker-compose.yml") == {"nginx": ["80:80"], **pages}


@pytest.mark.parametrize("path", sorted(INFRA.glob("docker-compose*.yml")), ids=lambda path: path.stem)
def test_nothing_but_the_gateway_is_published_to_the_network(path: Path) -> None:
    """Everything else that the files publish is for this machine alone, because it has no login."""
    for name, ports in published(path).items():
        assert [port for port in ports if name != "nginx" and not port.startswith("127.0.0.1:")] == []


def test_pages_are_opened_to_the_network_one_by_one() -> None:
    """Each page has a variable of its own for its address, which the documentation names."""
    told = (ROOT / "docs" / "microservices.md").read_text()
    for name, port in PAGES.items():
        variable = f"{name.upper()}_ADDRESS"
        assert SERVICES[name]["ports"] == [f"${{{variable}:-127.0.0.1}}:{port}:{port}"]
        assert f"`{variable}`" in told


def test_with_https_other_containers_call_the_gateway_at_its_inner_port() -> None:
    """The override changes exactly the addresses of docker-compose.yml that lead to port 80, and nothing else there."""
    override = yaml.safe_load((INFRA / "docker-compose.tls.yml").read_text())["services"]
    del override["nginx"]
    wanted: dict[str, dict[str, Any]] = {}
    for name, service in SERVICES.items():
        command, environment = service.get("command", []), service.get("environment", {})
        if PLAIN in command:
            wanted.setdefault(name, {})["command"] = [INNER if word == PLAIN else word for word in command]
        if PLAIN in environment.values():
            changed = {key: INNER for key, value in environment.items() if value == PLAIN}
            wanted.setdefault(name, {})["environment"] = changed
    assert override == wanted
    assert len(wanted) == 4


def test_the_shop_can_be_started_without_what_watches_it() -> None:
    """docker-compose.shop.yml switches off everything that selling does not need, and changes nothing else."""
    override = yaml.safe_load((INFRA / "docker-compose.shop.yml").read_text())["services"]
    shop, waiting = set(TOOLS), ["catalogue"]
    while waiting:
        name = waiting.pop()
        shop.add(name)
        waiting += SERVICES[name].get("depends_on", {})
    started = {name for name, service in SERVICES.items() if "profiles" not in service}
    assert override == {name: {"profiles": ["watching"]} for name in started - shop}


def test_the_database_is_on_a_network_that_leads_nowhere() -> None:
    """Only services, what prepares them and Prometheus share it."""
    assert COMPOSE["networks"]["data"]["internal"] is True
    assert list(SERVICES["cassandra"]["networks"]) == ["data"]
    neighbours = {name for name, service in SERVICES.items() if "data" in service["networks"]} - TOOLS
    assert neighbours == {"cassandra", "catalog", "cart", "order", "user", "init", "prometheus"}


def test_each_service_sees_its_own_secrets_only() -> None:
    """A service mounts its own secrets, and cannot write them; the signing key is the user service's alone."""
    for name in ("catalog", "cart", "order", "user"):
        mounted = [volume for volume in SERVICES[name]["volumes"] if volume.startswith("secrets-")]
        assert mounted[0] == f"secrets-{name}:/run/secrets:ro"
        assert mounted[1:] == (["secrets-admin:/run/admin:ro"] if name == "user" else [])


def test_upstream_images_are_pinned_and_stand_ins_bear_their_tags() -> None:
    """Every image of others has a version, and tests/compose/images.env names exactly those."""
    named = {filled(service["image"]) for service in SERVICES.values()}
    for path in DOCKERFILES:
        stages = re.findall(r"^FROM (\S+)(?: AS (\S+))?", path.read_text(), re.MULTILINE)
        named |= {image for image, _ in stages} - {stage for _, stage in stages}
    upstream = {image for image in named if not image.startswith("product-store/")}
    assert [image for image in upstream if not re.search(r":v?\d", image)] == []
    tags = re.findall(
        r"^\w+_TAG=(\S+)$", (ROOT / "tests" / "compose" / "images.env").read_text(), re.MULTILINE
    )
    assert set(tags) == upstream


def test_everything_that_prometheus_looks_up_is_a_service() -> None:
    """Names in the scrape configuration are services or aliases of them, on a network that Prometheus is on."""
    config = yaml.safe_load((INFRA / "prometheus" / "prometheus.yml").read_text())
    found = [sd for job in config["scrape_configs"] for sd in job.get("dns_sd_configs", ())]
    found += [sd for manager in config["alerting"]["alertmanagers"] for sd in manager["dns_sd_configs"]]
    names = {name for discovery in found for name in discovery["names"]}
    near = set(SERVICES["prometheus"]["networks"])
    known = {name for name, service in SERVICES.items() if near & set(service["networks"])}
    known |= {
        alias
        for service in SERVICES.values()
        if isinstance(service["networks"], dict)
        for network, there in service["networks"].items()
        if network in near
        for alias in there.get("aliases", ())
    }
    assert names - known == set()


class _Lenient(yaml.SafeLoader):
    """Reads compose's own tags, such as !reset, as plain values."""


_Lenient.add_multi_constructor("!", lambda _loader, _suffix, _node: None)
