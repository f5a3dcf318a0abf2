"""Turns Pydantic's findings into the project's one message: field, value, problem, remedy."""

from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from include.core.errors import ConfigurationError
from include.use_cases.document import nearest

Location = tuple[int | str, ...]


def configuration_error(
    error: ValidationError, model: type[BaseModel], file: str, overridden: set[str]
) -> ConfigurationError:
    """One finding, named by its full dotted field, and a count of the others.

    An unknown key comes first: where it is a typo, the required key that is missing follows from it.
    """
    findings = error.errors(include_url=False)
    first = next((finding for finding in findings if finding["type"] == "extra_forbidden"), findings[0])
    location = _without_union_tags(model, first["loc"])
    path = ".".join(map(str, location))
    from_parameter = any(f"{path}.".startswith(f"{name}.") or name.startswith(f"{path}.") for name in overridden)
    field = f"parameter {path}" if from_parameter else f"{file}: {path}" if path else file
    problem = first["msg"].removeprefix("Value error, ")
    more = f" ({len(findings) - 1} more wrong)" if len(findings) > 1 else ""
    if first["type"] == "extra_forbidden":
        owner = _model_at(model, location[:-1])
        known = list(owner.model_fields) if owner else []
        return ConfigurationError(field, first["input"], f"unknown key{more}", nearest(str(location[-1]), known))
    if first["type"] == "missing":
        return ConfigurationError(field, None, f"it is required{more}", f"Add it. {_description(model, location)}")
    return ConfigurationError(field, _shown(first["input"]), problem + more, _description(model, location))


def _shown(value: Any) -> Any:
    text = repr(value)
    return value if len(text) <= 120 else text[:117] + "..."


def _without_union_tags(model: type[BaseModel], location: Location) -> Location:
    """Pydantic adds the tried member of a union to the location; people do not write it in their YAML."""
    kept: list[int | str] = []
    for part in location:
        owner = _model_at(model, tuple(kept))
        if isinstance(part, int) or owner is None or part in owner.model_fields or part == location[-1]:
            kept.append(part)
    return tuple(kept)


def _description(model: type[BaseModel], location: Location) -> str:
    field = _field_at(model, location)
    return f"What it is: {field.description}" if field and field.description else "See the section's other fields"


def _field_at(model: type[BaseModel], location: Location) -> FieldInfo | None:
    names = [index for index, part in enumerate(location) if isinstance(part, str)]
    if not names:
        return None
    owner = _model_at(model, location[: names[-1]])
    return owner.model_fields.get(str(location[names[-1]])) if owner else None


def _model_at(model: type[BaseModel], location: Location) -> type[BaseModel] | None:
    """The model that holds the fields at a location, through lists and optional fields."""
    current: type[BaseModel] | None = model
    for part in location:
        if isinstance(part, int):
            continue
        field = current.model_fields.get(part) if current else None
        current = _model_in(field.annotation) if field else None
    return current


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner))), None)
