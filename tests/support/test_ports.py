import itertools
import random

from tests.support.ports import hold_port, lasting_port, port_of, shuffled


def test_workers_share_no_port_and_give_none_twice() -> None:
    """Each gives all of its own before it begins again, so it never runs out."""
    shares = [list(itertools.islice(shuffled(worker, 7), 4_000)) for worker in range(7)]
    own = [set(share) for share in shares]
    assert sum(len(ports) for ports in own) == len(set().union(*own)) == 22_000
    for share, ports in zip(shares, own, strict=True):
        assert set(share[: len(ports)]) == ports


def test_seeded_runs_do_not_go_the_same_way() -> None:
    """Two runs on one machine would be given the same ports at the same time."""
    found = []
    for _ in range(2):
        random.seed(0)
        found.append(list(itertools.islice(shuffled(0, 1), 20)))
    assert found[0] != found[1]


def test_a_port_that_is_held_is_given_to_nobody() -> None:
    """Nor does one come again soon that was only looked at."""
    with hold_port() as holder:
        found = [lasting_port() for _ in range(2_000)]
        assert port_of(holder) not in found
        assert len(set(found)) == len(found)
