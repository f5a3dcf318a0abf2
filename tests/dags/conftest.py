"""The tests' own Airflow, before anything imports airflow."""

from tests.plugins import airflow_home

__all__ = ["airflow_home"]
