"""What tasks have handed on, as Airflow keeps it: anybody who may edit XComs may have written it."""

import json
from typing import Any

from airflow.models.xcom import XComModel
from pydantic import ValidationError

from include.artifacts.ref import ArtifactRef


def value_in(row: XComModel) -> Any:
    """The value as plain JSON; the classes that it may name are not loaded."""
    try:
        return json.loads(row.value)
    except (TypeError, ValueError):
        return row.value


def ref_in(row: XComModel) -> ArtifactRef | None:
    """The reference that the value is, if it is one."""
    try:
        return ArtifactRef.model_validate(value_in(row))
    except ValidationError:
        return None
