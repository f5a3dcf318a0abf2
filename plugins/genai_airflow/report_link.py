"""Where a task's report is in the web UI."""

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import attrs
from airflow.sdk import BaseOperatorLink
from airflow.sdk.configuration import conf

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

VIEW_PREFIX = "/genai"


def below_base(path: str) -> str:
    """A path of the web UI; behind a base_url with a path, below that path."""
    return urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/") + path


def report_path(dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> str:
    """The report's path below the web UI's address."""
    parts = "/".join(quote(part, safe="") for part in (dag_id, run_id, task_id))
    return f"{VIEW_PREFIX}/reports/{parts}?map_index={map_index}"


@attrs.define()
class ReportLink(BaseOperatorLink):
    """The button `Report` of a task instance."""

    name = "Report"

    def get_link(self, operator: "BaseOperator", *, ti_key: "TaskInstanceKey") -> str:
        """The report's path; behind a base_url with a path, below that path."""
        map_index = ti_key.map_index if ti_key.map_index is not None else -1
        return below_base(report_path(ti_key.dag_id, ti_key.run_id, ti_key.task_id, map_index))
