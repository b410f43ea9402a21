"""How a call to another service fails: what the caller may do next, and whether the peer is to blame."""

import asyncio

from store_kit.problems import DeadlineExceeded, OutcomeUnknown, PeerUnavailable


class PeerTimeout(OutcomeUnknown):
    """The peer was reached but did not answer in time: what it did is not known."""

    blames_peer = True
    """False when the answer had not its full time: the caller's budget was short, or our own loop was busy."""


class CircuitOpen(PeerUnavailable):
    """The circuit to the peer is open: it failed several times in a row and is left alone for a moment."""


class PeerOverloaded(PeerUnavailable):
    """The peer has too much in hand and did not begin; it is well, and asking again at once would make it worse."""


class SlowRefusal(PeerUnavailable):
    """The peer waited in vain for what it needs, its database perhaps: another wait like that would be too much."""


class NoToken(PeerUnavailable):
    """We got no token of our own, so that the peer could not even be asked."""


def may_pass(error: Exception) -> bool:
    """Say whether another try may do better soon; some failures say themselves that it would not."""
    return isinstance(error, PeerUnavailable | OutcomeUnknown) and not isinstance(
        error, CircuitOpen | PeerOverloaded | SlowRefusal | NoToken
    )


def blames_peer(error: BaseException) -> bool:
    """Say whether a failure counts against the peer: not what our caller or this process is the cause of."""
    if isinstance(error, PeerTimeout):
        return error.blames_peer
    return not isinstance(error, DeadlineExceeded | NoToken | PeerOverloaded | asyncio.CancelledError)
