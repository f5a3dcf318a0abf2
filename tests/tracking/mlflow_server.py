"""A real MLflow server, out of its own environment."""

import os
import signal
import subprocess
import time
from pathlib import Path

import httpx

from include.core.settings import PROJECT_ROOT, Settings
from tests.conftest import free_ports

BIN = PROJECT_ROOT / ".genai" / "mlflow" / "bin"


class MlflowServer:
    """On SQLite, with nobody kept out."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def settings(self) -> Settings:
        """Settings that name it."""
        return Settings.model_validate({"mlflow_url": self.url})

    def start(self) -> None:
        """Start it and wait until it answers."""
        line = [str(BIN / "mlflow"), "server", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        line += ["--no-serve-artifacts", "--backend-store-uri", f"sqlite:///{self.folder}/mlflow.db"]
        variables = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                line,
                env={**variables, "PATH": f"{BIN}:{os.defpath}", "HOME": str(self.folder)},
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 120
        while not self._answers():
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.2)

    def kill(self) -> None:
        """End it with all its processes."""
        assert self.process
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", timeout=2).is_success
        except httpx.HTTPError:
            return False
