"""Turns Pydantic's findings into the project's one message: field, value, problem, remedy."""

from typing import Any, Literal, get_args, get_origin

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
    location, owner = _walk(model, first["loc"])
    path = ".".join(map(str, location))
    from_parameter = any(f"{path}.".startswith(f"{name}.") or name.startswith(f"{path}.") for name in overridden)
    field = f"parameter {path}" if from_parameter else f"{file}: {path}" if path else file
    problem = first["msg"].removeprefix("Value error, ")
    more = f" ({len(findings) - 1} more wrong)" if len(findings) > 1 else ""
    if first["type"] == "extra_forbidden":
        known = list(owner.model_fields) if owner else []
        return ConfigurationError(field, first["input"], f"unknown key{more}", nearest(str(location[-1]), known))
    about = _description(owner.model_fields.get(str(location[-1])) if owner else None)
    if first["type"] == "missing":
        return ConfigurationError(field, None, f"it is required{more}", f"Add it. {about}")
    return ConfigurationError(field, _shown(first["input"]), problem + more, about)


def _shown(value: Any) -> Any:
    text = repr(value)
    return value if len(text) <= 120 else text[:117] + "..."


def _walk(model: type[BaseModel], location: Location) -> tuple[Location, type[BaseModel] | None]:
    """A location as people write it, and the model that has its last part, or should.

    Pydantic adds the tried member of a union to the location, which people do not write in their YAML.
    """
    kept: list[int | str] = []
    here: Any = model
    owner: type[BaseModel] | None = None
    for index, part in enumerate(location):
        models = _models_in(here)
        if isinstance(part, int) or get_origin(here) is dict:
            kept.append(part)
            owner, here = None, get_args(here)[-1] if get_origin(here) is dict else here
        elif len(models) > 1 and (tagged := [one for one in models if part in _tags(one)]):
            # before the fields: a package's tag is package, and one of its fields too
            here = tagged[0]
        elif holder := next((one for one in models if part in one.model_fields), None):
            kept.append(part)
            owner, here = holder, holder.model_fields[part].annotation
        elif not models or index == len(location) - 1:
            kept.append(part)
            owner = models[0] if models else None
    return tuple(kept), owner


def _description(field: FieldInfo | None) -> str:
    return f"What it is: {field.description}" if field and field.description else "See the section's other fields"


def _tags(model: type[BaseModel]) -> list[Any]:
    """What a discriminated union may know a model by."""
    fields = [field.annotation for field in model.model_fields.values()]
    return [tag for annotation in fields if get_origin(annotation) is Literal for tag in get_args(annotation)]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for inner in get_args(annotation) for found in _models_in(inner)]
