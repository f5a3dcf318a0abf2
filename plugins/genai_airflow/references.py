"""Artifact references as XCom holds them, and as steps take them."""

from collections.abc import Mapping, Sequence
from typing import Any

from include.artifacts.ref import ArtifactRef


def restore_refs(value: Any) -> Any:
    """A rendered template value with every reference dict made an ArtifactRef, at any depth.

    Airflow hands the outputs of a mapped task over as a lazy sequence: it becomes a list, by one request.
    """
    if isinstance(value, Mapping):
        if value.keys() == ArtifactRef.model_fields.keys():
            return ArtifactRef.model_validate(dict(value))
        return {key: restore_refs(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [restore_refs(item) for item in value[:]]
    return value
