"""Local stacks of the tests' own: free ports, the installed environments, state in a temporary folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from include.core.settings import PROJECT_ROOT, Settings
from include.local.stack import Stack
from tests.conftest import free_ports

PARTS = ("venv", "serving", "tools", "bin")


@pytest.fixture(scope="module")
def new_stack(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Stack]:
    """Makes a stack, not started; keyword arguments are settings, `dags` replaces the DAG folder."""

    def make(dags: Path | None = None, **values: Any) -> Stack:
        folder = tmp_path_factory.mktemp("stack")
        for part in PARTS:
            (folder / part).symlink_to((PROJECT_ROOT / ".genai" / part).resolve())
        base = free_ports(20)
        # two stacks run side by side in `make test`
        values = {"memory_needed_gb": 2} | values
        names = (
            "airflow_port",
            "airflow_health_port",
            "triton_http_port",
            "triton_grpc_port",
            "triton_metrics_port",
            "gateway_port",
        )
        ports = {name: base + 4 + number for number, name in enumerate(names)}
        return Stack(Settings(state_folder=folder, s3_port=base, **ports, **values), lambda line: None, dags)

    return make
