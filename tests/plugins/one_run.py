"""Runs the sample's first tasks, to a gate that is not passed, in an Airflow of this process's own."""

import sys

from tests.plugins import airflow_home, sample_workflow

CONF = {"overrides": {"data_preparation.label.passed": False}}
LAST = "data_preparation.label"


def main() -> None:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.utils.db import initdb

    initdb()
    sys.modules |= sample_workflow.modules()
    bag = DagBag(dag_folder=airflow_home.PROJECT_ROOT / "dags" / "genai_workflow.py")
    bag.dags["sample"].partial_subset([LAST], include_upstream=True).test(run_conf=CONF)


if __name__ == "__main__":
    main()
