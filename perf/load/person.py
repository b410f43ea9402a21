"""What everybody has in common who uses the shop: how to ask, to sign in, and what counts as an error."""

import random
import secrets
import time
import uuid
from collections.abc import Mapping
from typing import Any, Final, NoReturn

import gevent
from locust import FastHttpUser
from locust.contrib.fasthttp import ResponseContextManager
from locust.exception import RescheduleTask

JSON = Any
"""A decoded body."""

_TOKEN_KEPT_S: Final = 400.0
"""Tokens are valid for ten minutes, a visit takes a few."""
_TOO_MANY: Final = 429
_DECIDED: Final = ("CREATED", "PROCESSING", "SHIPPING", "DELIVERED")


class Person(FastHttpUser):
    """A person at the shop. Any answer that was not expected is an error and ends the visit.

    A refusal that the shop is right to give is expected where it may come, by its name: an order that is refused
    because stock ran out (409, insufficient-stock) is not an error. 429, 5xx and no answer always are.
    """

    abstract = True
    network_timeout = 15.0
    connection_timeout = 5.0

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self.headers: dict[str, str] = {}
        self._token_ends = 0.0

    def wait_time(self) -> float:
        """Pause between two visits, in seconds."""
        return self._pause()

    def think(self) -> None:
        """Look at a page for a while."""
        gevent.sleep(self._pause())

    def _pause(self) -> float:
        return random.uniform(2.0, 8.0) * float(self.environment.parsed_options.pace)

    def ask(
        self,
        method: str,
        path: str,
        *,
        name: str | None = None,
        status: int | tuple[int, ...] = 200,
        refusals: Mapping[int, str] | None = None,
        body: JSON = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> JSON:
        """Send one request and return the decoded answer: what was asked for, or the problem of a refusal.

        Args:
            method: of the request.
            path: of the request.
            name: the row of Locust's tables; the path itself unless it holds an id or a word.
            status: what the answer has to be, or one of several.
            refusals: names of problems that are right answers, too, by status.
            body: sent as JSON.
            form: sent as a form.
            headers: in addition to those of the person.

        Raises:
            RescheduleTask: the answer is an error; it has been counted.
        """
        with self.client.request(
            method,
            path,
            name=name or path,
            json=body,
            data=dict(form) if form else None,
            headers={**self.headers, **(headers or {})},
            catch_response=True,
        ) as answer:
            if answer.status_code == status or (isinstance(status, tuple) and answer.status_code in status):
                answer.success()
                return answer.json() if answer.text else None
            slug = _slug(answer)
            if slug and (refusals or {}).get(answer.status_code) == slug:
                answer.request_meta["name"] += f" ({slug})"
                answer.success()
                return answer.json()
            answer.failure(_complaint(answer, slug))
        raise RescheduleTask

    def wrong(self, what: str) -> NoReturn:
        """Count an answer that cannot be true, although its status is well.

        Raises:
            RescheduleTask: always.
        """
        self.environment.stats.log_error("CHECK", what, "does not hold")
        raise RescheduleTask

    def register(self) -> tuple[str, str]:
        """Make a new account; return its e-mail and password."""
        email, password = f"load-{uuid.uuid4()}@example.com", secrets.token_urlsafe(12)
        self.ask("POST", "/api/users", status=201, body={"email": email, "password": password})
        return email, password

    def sign_in(self, email: str, password: str) -> None:
        """Get a token and use it from now on."""
        self.adopt(self.credentials_of(email, password))

    def adopt(self, headers: dict[str, str]) -> None:
        """Use the headers of a person who has just signed in."""
        self.headers = headers
        self._token_ends = time.monotonic() + _TOKEN_KEPT_S

    def credentials_of(self, email: str, password: str) -> dict[str, str]:
        """Return the headers of a person who is signed in."""
        form = {"grant_type": "password", "username": email, "password": password}
        token = self.ask("POST", "/api/auth/token", form=form)
        return {"Authorization": f"Bearer {token['access_token']}"}

    @property
    def is_signed_in(self) -> bool:
        """Whether there is a token that will last for a visit."""
        return time.monotonic() < self._token_ends

    def leave(self) -> None:
        """Forget the token, as when the browser is closed."""
        self.headers = {}
        self._token_ends = 0.0

    def order(self) -> JSON:
        """Order what is in the cart; return the order, or the problem when stock ran out.

        A total that is not the sum of its lines is counted as an error, as a wrong status is.
        """
        placed = self.ask(
            "POST",
            "/api/orders",
            status=(201, 202),
            refusals={409: "insufficient-stock"},
            body={},
            headers={"Idempotency-Key": str(uuid.uuid4())},
        )
        if placed["status"] in _DECIDED and placed["total_minor"] != _sum_of(placed["lines"]):
            self.wrong("the total of an order is the sum of its lines")
        return placed


def is_refused(answer: JSON) -> bool:
    """Whether an answer is the problem of a refusal."""
    return "title" in answer


def _sum_of(lines: JSON) -> int:
    return sum(line["quantity"] * line["unit_price_minor"] for line in lines)


def _slug(answer: ResponseContextManager) -> str:
    try:
        return str(answer.json()["type"]).rpartition("#")[2]
    except (ValueError, TypeError, KeyError, AttributeError):
        return ""  # not a problem document: a gateway's own page, or no answer at all


def _complaint(answer: ResponseContextManager, slug: str) -> str:
    if answer.status_code == _TOO_MANY:
        return "429: the shop limits requests; docs/load_testing.md says how to lift that"
    return f"{answer.status_code} {slug or getattr(answer, 'error', '') or 'no answer'}".strip()
