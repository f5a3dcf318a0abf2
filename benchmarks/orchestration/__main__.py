"""Airflow's overhead a task, with this project's scheduler settings and with Airflow's defaults.

Each setting runs its own Airflow, one after the other on the same machine. A run's overhead is the time from
the first task's being scheduled to the last one's end, over the number of tasks; the median of the runs counts.
"""

import argparse
import json
import shutil
import statistics
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.orchestration.airflow_instance import AirflowInstance
from include.local.airflow import TUNED, variables

TARGET = 0.6
DAG = "no_operation_chain"
SETTINGS: dict[str, dict[str, str]] = {"airflow defaults": {}, "this project": variables(TUNED)}


def measure(options: dict[str, str], runs: int) -> list[float]:
    """Seconds a task, one number a run; a first run warms Airflow up and does not count."""
    home = Path(tempfile.mkdtemp(prefix="airflow-benchmark-"))
    dags = home / "dags"
    dags.mkdir()
    shutil.copy(Path(__file__).with_name("chain.py"), dags)
    try:
        with AirflowInstance(home, dags, options) as airflow:
            airflow.await_dag(DAG)
            airflow.run(DAG)
            return [seconds_a_task(airflow.run(DAG)) for _ in range(runs)]
    finally:
        shutil.rmtree(home, ignore_errors=True)


def seconds_a_task(instances: list[dict[str, Any]]) -> float:
    """From the first task's being scheduled to the last one's end, over the number of tasks."""
    first = min(datetime.fromisoformat(instance["scheduled_when"]) for instance in instances)
    last = max(datetime.fromisoformat(instance["end_date"]) for instance in instances)
    return (last - first).total_seconds() / len(instances)


def main() -> None:
    """Measure, print a table, and end with one line of JSON."""
    parser = argparse.ArgumentParser(prog="benchmarks.orchestration", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="measured runs a setting")
    runs = parser.parse_args().runs
    found = {name: measure(options, runs) for name, options in SETTINGS.items()}
    median = {name: round(statistics.median(values), 3) for name, values in found.items()}
    print(f"{'settings':<18} {'s a task':>9} {'fastest':>9} {'slowest':>9}")
    for name, values in found.items():
        print(f"{name:<18} {median[name]:>9.3f} {min(values):>9.3f} {max(values):>9.3f}")
    ours, theirs = median["this project"], median["airflow defaults"]
    print(
        json.dumps(
            {
                "benchmark": "orchestration",
                "seconds_a_task": ours,
                "default_seconds_a_task": theirs,
                "ratio": round(theirs / ours, 2),
                "target": TARGET,
                "passed": ours < TARGET,
                "runs": runs,
            }
        )
    )


if __name__ == "__main__":
    main()
