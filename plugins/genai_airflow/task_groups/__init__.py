"""The workflow's five steps as task groups: each takes references and returns the reference that it yields."""

from genai_airflow.task_groups.customization import customization
from genai_airflow.task_groups.data_preparation import data_preparation
from genai_airflow.task_groups.inferencing import inferencing
from genai_airflow.task_groups.strategy import strategy
from genai_airflow.task_groups.tasks import ACCELERATOR_POOL
from genai_airflow.task_groups.training import training

__all__ = ["ACCELERATOR_POOL", "customization", "data_preparation", "inferencing", "strategy", "training"]
