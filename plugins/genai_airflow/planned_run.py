"""A run that has not begun, as its tasks would see it, and the DAG that it would run."""

import importlib.util
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk import DAG, Context
from airflow.sdk.configuration import conf

from genai_airflow.run_options import place_of
from genai_airflow.use_case_catalog import only
from include.core.errors import ConfigurationError

if TYPE_CHECKING:
    from include.artifacts.history import Place

WORKFLOW_FILE = "genai_workflow.py"
RUN_ID = "plan"


@dataclass(frozen=True)
class PlannedRun:
    """A run of a DAG with the options that its conf would have, started at a moment."""

    dag: DAG
    options: dict[str, Any]
    started: datetime

    def context(self, task: str = "", map_index: int = -1) -> Context:
        """What run_options reads of a task instance's context."""
        seen = {
            "params": self.dag.params.dump() | self.options,
            "dag_run": SimpleNamespace(conf=self.options, data_interval_end=None, run_after=self.started),
            "ti": SimpleNamespace(dag_id=self.dag.dag_id, run_id=RUN_ID, task_id=task, map_index=map_index),
        }
        return cast(Context, seen)

    def place(self, task: str, map_index: int = -1) -> "Place":
        """A task instance of this run."""
        return place_of(self.context(task, map_index))


def planned_run(dag: DAG, overrides: dict[str, Any], as_of: str, *, force: bool) -> PlannedRun:
    """The run that a trigger with these options would start now."""
    return PlannedRun(dag, {"overrides": overrides, "as_of": as_of, "force_rerun": force}, datetime.now(UTC))


def read_dag(name: str, folder: Path | None = None) -> DAG:
    """The DAG of one use case, built anew by the DAG file; ConfigurationError where there is no such use case.

    `folder` is Airflow's DAG folder. The other use cases are not read, and nothing is left in sys.modules.
    """
    from include.use_cases import load_use_case

    load_use_case(name)
    path = (folder or Path(conf.get("core", "dags_folder"))) / WORKFLOW_FILE
    spec = importlib.util.spec_from_file_location("genai_planned_workflow", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ConfigurationError("core.dags_folder", str(path), "there is no such file", "Correct Airflow's DAG folder")
    module = importlib.util.module_from_spec(spec)
    with only(name):
        spec.loader.exec_module(module)
    dag = getattr(module, name, None)
    if not isinstance(dag, DAG):
        raise ConfigurationError("use case", name, f"{WORKFLOW_FILE} makes no DAG of it", "Name a use case")
    return dag
