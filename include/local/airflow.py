"""Airflow of the local stack: its environment and its four components."""

import json
import os
from pathlib import Path

from include.artifacts.bucket import StoreAddress
from include.core.settings import PROJECT_ROOT, Settings
from include.local.credentials import ADMIN, Credentials
from include.local.layout import layout, python_folder, search_path

CONNECTION = "genai_store"
ACCELERATOR_POOL = "accelerator"
# tasks compute beside one another: an OpenMP thread that waits must not burn the core that another task computes on;
# where none ever spins, a task that is alone is slower (benchmarks/side_by_side measures both)
COMPUTING = {"GOMP_SPINCOUNT": "2000"}
# settings that tasks use and no other program has
TASK_SECRETS = ("pseudonym_key", "text_api_key", "judge_api_key", "mlflow_password", "mlflow_token")
COMPONENTS = {
    "api-server": ["api-server"],
    # --skip-serve-logs: those servers listen on all addresses, and logs are read from this disk anyway
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}


def base_url(settings: Settings) -> str:
    """Address of the web UI and the API."""
    return f"http://{settings.host}:{settings.airflow_port}"


def health_url(settings: Settings) -> str:
    """Health of all four components, as JSON."""
    return f"{base_url(settings)}/api/v2/monitor/health"


def store_connection(address: StoreAddress) -> str:
    """The object store as an Airflow connection, in Airflow's JSON form."""
    return json.dumps(
        {
            "conn_type": "generic",
            "host": address.endpoint,
            "login": address.access_key,
            "password": address.secret_key.get_secret_value(),
            "extra": {"bucket": address.bucket, "region": address.region, "secure": address.secure},
        }
    )


# how quickly work is taken up and lost work is found; benchmarks/orchestration measures it
LOCK_SECONDS = 60  # the command line's backfill and the scheduler write at once; SQLite's own patience is 5 s
TUNED: dict[str, dict[str, object]] = {
    "scheduler": {
        # Airflow's default of 1 s is most of what a short task costs; each look takes 17 ms of a core, all day long
        "scheduler_idle_sleep_time": 0.2,
        "scheduler_health_check_threshold": 15,
        "orphaned_tasks_check_interval": 15,
        "task_instance_heartbeat_timeout": 180,
    },
    # tasks ride out an api-server that is away for 5 minutes
    "workers": {"max_failed_heartbeats": 60, "execution_api_retries": 12, "execution_api_retry_wait_max": 15},
    # a DAG file that has changed is parsed at once, whatever the interval, and `genai run` and `genai plan` ask for it
    # too: the interval is for use cases that were edited and are only looked at in the web UI
    "dag_processor": {"refresh_interval": 5, "min_file_process_interval": 60},
}


def variables(options: dict[str, dict[str, object]]) -> dict[str, str]:
    """AIRFLOW__SECTION__OPTION variables."""
    return {
        f"AIRFLOW__{section.upper()}__{name.upper()}": str(value)
        for section, values in options.items()
        for name, value in values.items()
    }


def lineage_events(settings: Settings) -> dict[str, object]:
    """Where Airflow's provider sends OpenLineage events. A catalogue that is away costs a task a few seconds."""
    if not settings.openlineage_url:
        return {"disabled": True}
    transport = {"type": "http", "url": settings.openlineage_url, "timeout": 3, "retry": {"total": 1}}
    return {"transport": json.dumps(transport), "namespace": "genai", "execution_timeout": 8}


def sections(settings: Settings, credentials: Credentials, dags: Path) -> dict[str, dict[str, object]]:
    """Airflow's options that differ from its defaults."""
    at = layout(settings)
    return {
        "core": {
            "dags_folder": dags,
            "plugins_folder": PROJECT_ROOT / "plugins",
            "load_examples": False,
            "executor": "LocalExecutor",
            "parallelism": max(4, (os.cpu_count() or 1) + 2),
            "fernet_key": credentials.airflow_fernet_key,
            "execution_api_server_url": f"{base_url(settings)}/execution/",
            "simple_auth_manager_users": f"{ADMIN}:admin",
            "simple_auth_manager_passwords_file": at.airflow_home / "passwords.json",
        },
        "database": {"sql_alchemy_conn": f"sqlite:///{at.airflow_home / 'airflow.db'}?timeout={LOCK_SECONDS}"},
        "api": {
            "host": settings.host,
            "port": settings.airflow_port,
            "base_url": base_url(settings),
            "workers": 1,
            "secret_key": credentials.airflow_secret_key,
        },
        "api_auth": {"jwt_secret": credentials.airflow_jwt_secret},
        "scheduler": {
            **TUNED["scheduler"],
            "enable_health_check": True,
            "scheduler_health_check_server_host": settings.host,
            "scheduler_health_check_server_port": settings.airflow_health_port,
        },
        "workers": TUNED["workers"],
        "dag_processor": TUNED["dag_processor"],
        "openlineage": lineage_events(settings),
        "logging": {
            "base_log_folder": at.logs / "airflow",
            "dag_processor_child_process_log_directory": at.logs / "dag_processor",
        },
    }


def environment(
    settings: Settings, credentials: Credentials, address: StoreAddress, dags: Path | None = None
) -> dict[str, str]:
    """All variables of the Airflow processes; `dags` replaces the project's DAG folder."""
    secrets = {name: getattr(settings, name).get_secret_value() for name in TASK_SECRETS}
    return {
        **{f"GENAI_{name.upper()}": value for name, value in secrets.items() if value},
        "AIRFLOW_HOME": str(layout(settings).airflow_home),
        f"AIRFLOW_CONN_{CONNECTION.upper()}": store_connection(address),
        "PATH": search_path(python_folder()),
        "PYTHONPATH": os.pathsep.join(
            map(str, (PROJECT_ROOT, PROJECT_ROOT / "include" / "local" / "airflow_settings"))
        ),
        "HF_HUB_OFFLINE": "0" if settings.read_hub else "1",
        **COMPUTING,
        **variables(sections(settings, credentials, dags or PROJECT_ROOT / "dags")),
    }


def passwords(credentials: Credentials) -> str:
    """Content of the simple auth manager's passwords file."""
    return json.dumps({ADMIN: credentials.airflow_password})


def command(component: str) -> list[str]:
    """Command line of a component."""
    return [str(python_folder() / "airflow"), *COMPONENTS[component]]
