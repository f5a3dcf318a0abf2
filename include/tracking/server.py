"""MLflow's REST API, as far as runs are copied to it: few calls, none of which waits for long."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self

from include.core.errors import ConfigurationError, ServerUnavailableError
from include.core.settings import Settings

if TYPE_CHECKING:
    import httpx

Found = dict[str, Any]
CONNECT_SECONDS, ANSWER_SECONDS = 2.0, 5.0
# of one request, as the server bounds them: a thousand in all
MOST_PARAMS, MOST_TAGS, MOST_METRICS, PAGE = 100, 100, 800, 1000
FIELD = "GENAI_MLFLOW_URL"
ABSENT, PRESENT = "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS"


class Refused(Exception):
    """The server answered that a request is wrong; `code` is MLflow's."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(f"{code}: {message}")


class TrackingServer:
    """One MLflow server. ServerUnavailableError: it does not answer; ConfigurationError: it lets nobody in."""

    def __init__(self, client: "httpx.Client") -> None:
        self.client = client

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The server of the settings, with the credentials that they have."""
        import httpx

        headers, user = {}, settings.mlflow_user
        if token := settings.mlflow_token.get_secret_value():
            headers["Authorization"] = f"Bearer {token}"
        auth = httpx.BasicAuth(user, settings.mlflow_password.get_secret_value()) if user else None
        timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
        return cls(httpx.Client(base_url=settings.mlflow_url, headers=headers, auth=auth, timeout=timeout))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def get(self, path: str, **query: str) -> Found:
        """A GET of `api/2.0/mlflow/<path>`."""
        return self._answer("GET", path, params=query)

    def post(self, path: str, **body: Any) -> Found:
        """A POST to `api/2.0/mlflow/<path>`."""
        return self._answer("POST", path, json=body)

    def delete(self, path: str, **body: Any) -> Found:
        """A DELETE of `api/2.0/mlflow/<path>`."""
        return self._answer("DELETE", path, json=body)

    def experiment(self, name: str) -> str:
        """The id of an experiment, made where there is none."""
        try:
            return str(self.get("experiments/get-by-name", experiment_name=name)["experiment"]["experiment_id"])
        except Refused as refused:
            if refused.code != ABSENT:
                raise
        try:
            return str(self.post("experiments/create", name=name)["experiment_id"])
        except Refused as refused:
            if refused.code != PRESENT:
                raise
        return self.experiment(name)

    def runs(self, experiment: str, condition: str) -> Iterator[Found]:
        """Runs of an experiment, deleted ones too, by MLflow's own condition."""
        wanted = {"experiment_ids": [experiment], "filter": condition, "run_view_type": "ALL", "max_results": PAGE}
        token = ""
        while True:
            page = self.post("runs/search", **wanted, **({"page_token": token} if token else {}))
            yield from page.get("runs", [])
            if not (token := page.get("next_page_token", "")):
                return

    def versions(self, model: str) -> Iterator[Found]:
        """Versions of a registered model."""
        query = {"filter": f"name = '{model}'", "max_results": str(PAGE)}
        token = ""
        while True:
            page = self.get("model-versions/search", **query, **({"page_token": token} if token else {}))
            yield from page.get("model_versions", [])
            if not (token := page.get("next_page_token", "")):
                return

    def log(self, run: str, params: dict[str, str], tags: dict[str, str], metrics: Sequence[Found]) -> None:
        """Params, tags and metrics of a run, in as few requests as the server allows; metrics that it has stay."""
        entries = {
            "params": (_pairs(params), MOST_PARAMS),
            "tags": (_pairs(tags), MOST_TAGS),
            "metrics": (list(metrics), MOST_METRICS),
        }
        number = 0
        while batch := {name: part for name, (whole, most) in entries.items() if (part := _batch(whole, number, most))}:
            self.post("runs/log-batch", run_id=run, **batch)
            number += 1

    def _answer(self, method: str, path: str, **content: Any) -> Found:
        import httpx

        try:
            answer = self.client.request(method, f"/api/2.0/mlflow/{path}", **content)
        except httpx.HTTPError as error:
            raise self._away(type(error).__name__) from error
        if answer.status_code in (401, 403):
            remedy = "Set GENAI_MLFLOW_USER and GENAI_MLFLOW_PASSWORD, or GENAI_MLFLOW_TOKEN"
            raise ConfigurationError(FIELD, self._url, f"it answers {answer.status_code} to {path}", remedy)
        try:
            found = answer.json()
        except ValueError:
            found = None
        if answer.is_success and isinstance(found, dict):
            return found
        if 400 <= answer.status_code < 500 and isinstance(found, dict) and "error_code" in found:
            raise Refused(str(found["error_code"]), str(found.get("message", ""))[:300])
        raise self._away(f"status {answer.status_code}")

    @property
    def _url(self) -> str:
        return str(self.client.base_url)

    def _away(self, problem: str) -> ServerUnavailableError:
        remedy = "Start it, or correct the address; what it missed is copied the next time"
        return ServerUnavailableError(FIELD, self._url, f"MLflow does not answer as it should ({problem})", remedy)


def _batch(entries: list[Found], number: int, most: int) -> list[Found]:
    return entries[number * most : (number + 1) * most]


def _pairs(values: dict[str, str]) -> list[Found]:
    return [{"key": key, "value": value} for key, value in values.items()]
