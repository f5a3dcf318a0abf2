"""A worker of Airflow's own in a forked process: the supervisor that an executor calls, and below it the task's."""

import multiprocessing
import os
from multiprocessing.context import ForkProcess
from pathlib import Path

from include.core.settings import PROJECT_ROOT

DAGS = PROJECT_ROOT / "tests" / "plugins" / "job_dags"
ENVIRONMENT = {
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
}


def start_worker(ti: str, folder: Path, log: str) -> ForkProcess:
    """Run the task instance that `ti` describes in JSON, and write its log below `folder`."""
    worker = multiprocessing.get_context("fork").Process(target=_work, args=(ti, folder, log))
    worker.start()
    return worker


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

    # what a fork must not share: connections to the database, the thread of the parent's API
    settings.dispose_orm(do_log=False)
    settings.configure_orm()
    settings.DAGS_FOLDER = str(DAGS)
    supervisor.in_process_api_server.cache_clear()
    supervisor.supervise_task(
        ti=TaskInstance.model_validate_json(ti),
        bundle_info=BundleInfo(name="dags-folder"),
        dag_rel_path="counting.py",
        token="",
        # the execution API in this process, on the tests' database: a server of its own is not what is tested
        client=supervisor.InProcessTestSupervisor._api_client(),
        log_path=log,
    )
