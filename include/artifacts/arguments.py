"""What of a step's arguments decides its result."""

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from include.artifacts.manifest import Manifest, sha256_of
from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore


def argument_parts(
    store: ArtifactStore, arguments: dict[str, Any], through: tuple[str, ...], measures: tuple[str, ...]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A fingerprint's `config` and `inputs`: artifacts by their bytes, and by their metrics where `measures` names
    the argument; models by type and value, other values as they are, but for those that `through` names."""
    config: dict[str, Any] = {}
    inputs: dict[str, Any] = {}
    for name, value in arguments.items():
        refs = references(value)
        if refs:
            inputs[name] = value.digest if isinstance(value, ArtifactRef) else [ref.digest for ref in refs]
            if name in measures:
                inputs[f"{name}.metrics"] = sha256_of([_measured(store.manifest(ref)) for ref in refs])
        elif name in through:
            continue
        elif isinstance(value, BaseModel):
            # as what it is, not as what its fields are declared to hold
            config[name] = value.model_dump(mode="json", serialize_as_any=True)
            config[f"{name}.type"] = _type(value)
            config |= {f"{name}.{path}.type": found for path, found in _chosen_types(value)}
        else:
            config[name] = value
    return config, inputs


def _type(value: BaseModel) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _chosen_types(model: BaseModel, path: str = "") -> Iterator[tuple[str, str]]:
    """Where a model holds others, the types of those that its fields' declarations leave open."""
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        held = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else [value]
        declared = [one for one in (field.annotation, *get_args(field.annotation)) if _is_model(one)]
        for index, one in enumerate(held):
            if isinstance(one, BaseModel):
                where = f"{path}{name}" if one is value else f"{path}{name}.{index}"
                if declared != [type(one)]:
                    yield where, _type(one)
                yield from _chosen_types(one, f"{where}.")


def _is_model(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def references(value: object) -> list[ArtifactRef]:
    """The references that an argument is, none where it is something else."""
    if isinstance(value, ArtifactRef):
        return [value]
    if isinstance(value, list | tuple) and all(isinstance(item, ArtifactRef) for item in value):
        return list(value)
    return []


def _measured(manifest: Manifest) -> dict[str, Any]:
    """What `Workspace.manifest` shows of an input, beside its bytes."""
    inputs = {name: [ref.digest for ref in references(value)] for name, value in manifest.inputs.items()}
    return {"metrics": manifest.metrics, "inputs": inputs}
