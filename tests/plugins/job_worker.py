"""A worker of Airflow's own in a forked process: the supervisor that an executor calls, and below it the task's."""

import multiprocessing
import os
from functools import cache
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any

from include.core.settings import PROJECT_ROOT

DAGS = PROJECT_ROOT / "tests" / "plugins" / "job_dags"
ENVIRONMENT = {
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
}


def start_worker(ti: str, folder: Path, log: str) -> ForkProcess:
    """Run the task instance that `ti` describes in JSON, and write its log below `folder`."""
    # made once, before the first fork
    _execution_api()
    worker = multiprocessing.get_context("fork").Process(target=_work, args=(ti, folder, log))
    worker.start()
    return worker


@cache
def _execution_api() -> Any:
    """The execution API of workers; its thread starts in each of them."""
    from airflow.api_fastapi.execution_api.app import InProcessExecutionAPI

    api = InProcessExecutionAPI()
    assert api.app
    return api


def _work(ti: str, folder: Path, log: str) -> None:
    os.setsid()
    with (folder / "workers.log").open("ab") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    os.environ |= ENVIRONMENT | {"AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(folder)}
    from airflow import settings
    from airflow.executors.workloads.base import BundleInfo
    from airflow.sdk.api.datamodels._generated import TaskInstance
    from airflow.sdk.execution_time import supervisor

    # a fork must not share the parent's connections to the database
    settings.dispose_orm(do_log=False)
    settings.configure_orm()
    settings.DAGS_FOLDER = str(DAGS)
    supervisor.in_process_api_server = _execution_api
    supervisor.supervise_task(
        ti=TaskInstance.model_validate_json(ti),
        bundle_info=BundleInfo(name="dags-folder"),
        dag_rel_path="counting.py",
        token="",
        # the execution API in this process, on the tests' database: a server of its own is not what is tested
        client=supervisor.InProcessTestSupervisor._api_client(),
        log_path=log,
    )
