"""Client of Airflow's REST API; it rides out an api-server that is restarting."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

import httpx

from include.core.errors import ConfigurationError, ServerUnavailableError

PATIENCE = 120.0


class AirflowApi:
    """Calls below /api/v2, and plans, which this project's plugin answers.

    ServerUnavailableError after `PATIENCE` seconds without an answer.

    `on_outage` is called once a second while the server does not answer.
    """

    def __init__(self, base_url: str, user: str, password: str, on_outage: Callable[[], None] | None = None) -> None:
        self.base_url, self._login, self.on_outage = base_url, {"username": user, "password": password}, on_outage
        self.client = httpx.Client(base_url=base_url, timeout=30, trust_env=False)

    def __enter__(self) -> "AirflowApi":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.client.close()

    def call(self, method: str, path: str, *, body: object = None, **query: object) -> httpx.Response:
        """One call below /api/v2; connection errors, 5xx and an expired login are retried."""
        return self._request(method, f"/api/v2{path}", body, query)

    def _request(self, method: str, path: str, body: object, query: dict[str, object]) -> httpx.Response:
        deadline = time.monotonic() + PATIENCE
        while True:
            problem = ""
            try:
                if "Authorization" not in self.client.headers:
                    self._log_in()
                response = self.client.request(method, path, json=body, params=query)  # type: ignore[arg-type]
                if response.status_code == 401:
                    problem = "401"
                    del self.client.headers["Authorization"]
                elif response.status_code < 500:
                    return response
                else:
                    problem = f"HTTP {response.status_code}"
            except httpx.TransportError as error:
                problem = type(error).__name__
            if time.monotonic() > deadline:
                raise ServerUnavailableError(
                    "Airflow", self.base_url, f"its API does not answer ({problem})", "Look at `genai status`"
                )
            if self.on_outage:
                self.on_outage()
            time.sleep(1)

    def get(self, path: str, **query: object) -> Any:
        """The JSON of a GET; None where there is no such thing (404)."""
        return self._json(self.call("GET", path, **query), missing=True)

    def post(self, path: str, body: object) -> Any:
        """The JSON that a POST answers."""
        return self._json(self.call("POST", path, body=body))

    def plan(self, dag: str, options: dict[str, Any]) -> Any:
        """What a run of a DAG with these options in its conf would do."""
        return self._json(self._request("POST", f"/genai/plan/{dag}", options, {}))

    def patch(self, path: str, body: object) -> Any:
        """The JSON that a PATCH answers."""
        return self._json(self.call("PATCH", path, body=body))

    def ensure_pool(self, name: str, slots: int) -> None:
        """Create a pool; one that exists keeps the slots its operator gave it, unless no task would ever fit."""
        found = self.get(f"/pools/{name}")
        if found is None:
            self.post("/pools", {"name": name, "slots": slots, "include_deferred": False})
        elif 0 <= found["slots"] < slots:
            self.patch(f"/pools/{name}", {"pool": name, "slots": slots, "include_deferred": found["include_deferred"]})

    def _log_in(self) -> None:
        response = self.client.post("/auth/token", json=self._login)
        if response.status_code >= 500:
            raise httpx.RemoteProtocolError(f"HTTP {response.status_code}")
        if response.status_code != 201:
            raise ConfigurationError(
                "Airflow login", self._login["username"], f"HTTP {response.status_code}", "Correct the password"
            )
        self.client.headers["Authorization"] = f"Bearer {response.json()['access_token']}"

    def _json(self, response: httpx.Response, *, missing: bool = False) -> Any:
        if missing and response.status_code == 404:
            return None
        if response.is_error:
            detail = response.json().get("detail", response.text) if response.text.startswith("{") else response.text
            raise ConfigurationError(
                f"{response.request.method} {response.request.url.path}",
                response.status_code,
                str(detail)[:500],
                "Correct what it names",
            )
        return response.json()
