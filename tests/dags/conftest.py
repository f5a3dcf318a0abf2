"""The tests' own Airflow, before anything imports airflow, and the sample use case."""

import sys

import pytest

from tests.plugins import airflow_home, sample_workflow

__all__ = ["airflow_home"]


@pytest.fixture
def sample(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, module in sample_workflow.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
