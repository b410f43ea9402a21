"""Nodes that share one list of seeds: each leaves itself out, and the first founds the cluster (`node.sh seeds`)."""

import os
import socket
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.cassandra import NODE

SHARED = ("127.0.0.1", "127.0.0.2", "127.0.0.3")


def seeds(address: str, *names: str, **variables: str) -> list[str]:
    """Return the seeds of the node at an address when the list is this."""
    listed = {"CASS_ADDR": address, "CASS_SEEDS": ",".join(names), "CASS_STORAGE_PORT": "1"}
    done = subprocess.run(  # noqa: S603 - our own script
        [str(NODE), "seeds"],
        env={"PATH": os.environ["PATH"], **listed, **variables},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip().split(",")


@pytest.fixture
def neighbour() -> Iterator[str]:
    """Let the second node of the list answer; return it with its port."""
    with socket.create_server(("127.0.0.2", 0)) as server:
        yield f"127.0.0.2:{server.getsockname()[1]}"


@pytest.mark.parametrize("address", SHARED[1:])
def test_a_node_leaves_itself_out(address: str) -> None:
    """By address, with a port or without."""
    others = [name for name in SHARED if name != address]
    assert seeds(address, *SHARED) == others
    assert seeds(address, *(f"{name}:7000" for name in SHARED)) == [f"{name}:7000" for name in others]


def test_the_first_founds_the_cluster_when_it_is_alone() -> None:
    """When no other node answers it stays its own seed; otherwise no node could ever be the first."""
    assert seeds("127.0.0.1", *SHARED) == list(SHARED)


def test_the_first_joins_the_others_when_they_are_there(neighbour: str) -> None:
    """Come back without its disk it must not take its place without its data."""
    assert seeds("127.0.0.1", "127.0.0.1", neighbour) == [neighbour]


def test_a_single_node_is_its_own_seed() -> None:
    """As in compose, where its name is the only one."""
    assert seeds("127.0.0.1", "localhost") == ["localhost"]


def test_a_node_knows_itself_by_name_and_by_the_address_that_it_announces() -> None:
    """Its host name as others write it, a name that leads to it, the address that it tells others."""
    assert seeds("10.0.0.9", "127.0.0.2", socket.gethostname()) == ["127.0.0.2"]
    assert seeds("127.0.0.1", "127.0.0.2", "localhost") == ["127.0.0.2"]
    assert seeds("10.0.0.9", "127.0.0.2", "192.0.2.7", CASS_ANNOUNCE="192.0.2.7") == ["127.0.0.2"]


def test_names_that_lead_nowhere_yet_are_kept() -> None:
    """A node that has not started has no address: it is still a seed of the others."""
    assert seeds("127.0.0.2", "nowhere.invalid", "127.0.0.2") == ["nowhere.invalid"]
