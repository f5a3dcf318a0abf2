"""As much of MLflow's REST API as a copy calls, in memory; the real server's part is in tests/platform."""

import json
import re
from typing import Any

import httpx

from include.tracking.server import TrackingServer

Found = dict[str, Any]


class SmallMlflow:
    """Runs and versions by what they are of. It refuses an experiment of `refused`, and is away after `most` requests.

    `asked` are the requests that came.
    """

    def __init__(self, refused: str = "", most: int = 10_000) -> None:
        self.refused, self.most = refused, most
        self.asked: list[str] = []
        self.runs: list[Found] = []
        self.versions: list[Found] = []

    def server(self) -> TrackingServer:
        """The client of it."""
        return TrackingServer(httpx.Client(base_url="http://mlflow", transport=httpx.MockTransport(self._answer)))

    def of(self, use_case: str, kind: str = "run") -> dict[str, Found]:
        """Name -> run of a use case."""
        mine = [run for run in self.runs if run["experiment"] == use_case and run["tags"]["genai.kind"] == kind]
        return {run["name"]: run for run in mine}

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/2.0/mlflow/")
        self.asked.append(path)
        if len(self.asked) > self.most:
            raise httpx.ConnectError("away")
        body = json.loads(request.content) if request.content else dict(request.url.params)
        name = body.get("experiment_name")
        if name and name == self.refused:
            return httpx.Response(400, json={"error_code": "INVALID_PARAMETER_VALUE", "message": "no such name"})
        kind, _, verb = path.partition("/")
        if verb == "get-by-name":
            return httpx.Response(200, json={"experiment": {"experiment_id": name}})
        if path == "registered-models/get":
            return httpx.Response(200, json={"registered_model": {}})
        return httpx.Response(200, json=self._runs(verb, body) if kind == "runs" else self._models(path, body))

    def _runs(self, verb: str, body: Found) -> Found:
        if verb == "search":
            asked = dict(re.findall(r"tags\.`(.+?)` = '(.*?)'", body["filter"])).items()
            mine = [run for run in self.runs if run["experiment"] in body["experiment_ids"]]
            return {"runs": [_shown(run) for run in mine if asked <= run["tags"].items()]}
        if verb == "create":
            tags = {tag["key"]: tag["value"] for tag in body["tags"]}
            run = {"id": str(len(self.runs)), "experiment": body["experiment_id"], "name": body["run_name"]}
            self.runs.append({**run, "begun": body["start_time"], "status": "RUNNING", "tags": tags, "metrics": []})
            return {"run": _shown(self.runs[-1])}
        run = self.runs[int(body["run_id"])]
        if verb == "update":
            run["status"] = body["status"]
        elif verb == "set-tag":
            run["tags"][body["key"]] = body["value"]
        else:
            run["metrics"] += [(one["key"], one["step"], one["value"]) for one in body.get("metrics", [])]
            run["tags"] |= {tag["key"]: tag["value"] for tag in body.get("tags", [])}
        return {}

    def _models(self, path: str, body: Found) -> Found:
        if path == "model-versions/create":
            self.versions.append({**body, "version": str(len(self.versions) + 1)})
            return {"model_version": self.versions[-1]}
        mine = [one for one in self.versions if f"'{one['name']}'" in body.get("filter", "")]
        return {"model_versions": mine}


def _shown(run: Found) -> Found:
    info = {"run_id": run["id"], "start_time": run["begun"], "status": run["status"], "lifecycle_stage": "active"}
    return {"info": info, "data": {"tags": [{"key": k, "value": v} for k, v in run["tags"].items()]}}
