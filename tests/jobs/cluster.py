"""A stand-in for a Kubernetes API server: the few calls that jobs make, over HTTP, with the pods as processes here.

It is no Kubernetes: nothing is scheduled, no image is pulled, and of what a pod may do only its command and its
variables are taken. What the manifests say is checked against the models of Kubernetes' own client.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from include.core.settings import PROJECT_ROOT

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: here
clusters: [{name: here, cluster: {server: "http://127.0.0.1:%d"}}]
contexts: [{name: here, context: {cluster: here, user: somebody}}]
users: [{name: somebody, user: {token: a-token}}]
"""


@dataclass
class Cluster:
    """What was created, and the processes of its pods."""

    secret: dict[str, str]
    folder: Path
    port: int = 0
    refuse: int = 0
    pods: str = "run"
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    processes: dict[str, list["subprocess.Popen[bytes]"]] = field(default_factory=dict)

    def create(self, kind: str, manifest: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """The answer to a POST."""
        name = manifest["metadata"]["name"]
        if self.refuse:
            return self.refuse, {"message": f"{kind} is forbidden"}
        if name in self.jobs:
            return 409, {"message": "it exists"}
        self.jobs[name] = manifest
        if self.pods == "run":
            spec = manifest["spec"]
            self.processes[name] = [self._pod(spec["template"]["spec"], index) for index in range(spec["completions"])]
        return 201, manifest

    def _pod(self, spec: dict[str, Any], index: int) -> "subprocess.Popen[bytes]":
        container = spec["containers"][0]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT_ROOT), "JOB_COMPLETION_INDEX": str(index)}
        for variable in container["env"]:
            source = variable.get("valueFrom", {})
            key = source.get("secretKeyRef", {}).get("key")
            environment[variable["name"]] = self.secret[key] if key else variable.get("value", f"127.0.0.{2 + index}")
        state = self.folder / f"pod-{index}"
        state.mkdir(exist_ok=True)
        environment |= {"HOME": str(state), "GENAI_STATE_FOLDER": str(state)}
        command = [sys.executable, *container["command"][1:]]
        with (self.folder / f"pod-{index}.log").open("ab") as log:
            return subprocess.Popen(command, env=environment, cwd=PROJECT_ROOT, stdout=log, stderr=log)

    def status(self, name: str) -> dict[str, Any]:
        """A Job as a GET shows it."""
        codes = [process.poll() for process in self.processes.get(name, [])]
        conditions = []
        if codes and any(codes):
            reason = {"reason": "BackoffLimitExceeded", "message": "Job has reached the specified backoff limit"}
            conditions = [{"type": "Failed", "status": "True", **reason}]
        elif codes and None not in codes:
            conditions = [{"type": "Complete", "status": "True"}]
        return self.jobs[name] | {"status": {"conditions": conditions}}

    def pod_list(self, name: str) -> dict[str, Any]:
        """The pods of a Job."""
        if self.pods == "wait":
            why = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes: insufficient nvidia.com/gpu"}
            return {"items": [{"metadata": {"name": f"{name}-0"}, "status": {"phase": "Pending", "conditions": [why]}}]}
        items = []
        for index, process in enumerate(self.processes.get(name, [])):
            status: dict[str, Any] = {"phase": "Running" if process.poll() is None else "Failed"}
            if code := process.poll():
                ended = {"exitCode": 128 - code if code < 0 else code, "reason": "OOMKilled" if code == -9 else "Error"}
                base = {"name": "step", "image": "", "imageID": "", "ready": False, "restartCount": 0}
                status["containerStatuses"] = [base | {"state": {"terminated": ended}}]
            items.append({"metadata": {"name": f"{name}-{index}"}, "status": status})
        return {"items": items}

    def delete(self, name: str) -> tuple[int, dict[str, Any]]:
        """The answer to a DELETE: the pods get SIGTERM."""
        if name not in self.jobs:
            return 404, {"message": "not found"}
        for process in self.processes.get(name, []):
            process.send_signal(signal.SIGTERM)
        return 200, self.jobs.pop(name)


@contextmanager
def cluster(secret: dict[str, str], folder: Path) -> Iterator[Cluster]:
    """The stand-in, and a kubeconfig for it in `folder`."""
    made = Cluster(secret, folder)

    class Handler(BaseHTTPRequestHandler):
        def answer(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.answer(*made.create(self.path.partition("?")[0].rpartition("/")[2], body))

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            name = path.rpartition("/")[2]
            if name == "pods":
                self.answer(200, made.pod_list(query.partition("job-name%3D")[2].partition("&")[0]))
            elif name in made.jobs:
                self.answer(200, made.status(name))
            else:
                self.answer(404, {"message": "not found"})

        def do_DELETE(self) -> None:
            self.answer(*made.delete(self.path.partition("?")[0].rpartition("/")[2]))

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (folder / "kubeconfig").write_text(KUBECONFIG % made.port)
    try:
        yield made
    finally:
        server.shutdown()
        for processes in made.processes.values():
            for process in processes:
                process.kill()
                process.wait()
