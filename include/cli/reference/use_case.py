"""The page of a use case's fields, from the Pydantic models that check them."""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from include.cli.reference.tables import code, table

Section = tuple[str, type[BaseModel]]
BOUNDS = {"ge": "{} or more", "gt": "above {}", "le": "{} at most", "lt": "below {}"}
SIMPLE = {int: "whole number", float: "number", str: "text", bool: "`true` or `false`"}


def use_case_page() -> str:
    """Every field of a use case: its type and bounds, its default and its meaning, a table a section."""
    from include.use_cases import UseCase

    sections: dict[type[BaseModel], str] = {}
    waiting: list[Section] = [("", UseCase)]
    written = []
    while waiting:
        path, model = waiting.pop(0)
        if model in sections:
            continue
        sections[model] = path
        # a model that several fields hold is described where it has a fixed place
        below = sorted(_below(path, model), key=lambda section: "NAME" in section[0])
        # depth first, so that a section's parts follow it
        waiting = [*below, *waiting]
        written.append((path, model))
    texts = [_section(path, model, sections) for path, model in written]
    return f"""# Fields of a use case

A use case is one file, `include/use_cases/<name>.yaml`, and becomes the DAG `<name>`. Every field has the default that
stands here, but for those that are **required**. A value for one run: `genai run <name> --set section.field=value`.
`[]` stands for each entry of a list, `NAME` for a name that you choose.

{chr(10).join(texts)}"""


def _section(path: str, model: type[BaseModel], sections: dict[type[BaseModel], str]) -> str:
    rows = [
        (f"`{name}`", _type(field.annotation, field, sections), _default(field), field.description or "")
        for name, field in model.model_fields.items()
        if not (path == "" and name == "name")
    ]
    words = " ".join((model.__doc__ or "").split())
    heading = path or "A use case"
    return f"""<a id="{_anchor(path)}"></a>

## {heading}

{words}

{table(["Field", "Value", "Default", "What it is"], rows)}
"""


def _anchor(path: str) -> str:
    return path.replace("[]", "").replace(" ", "-").replace(":", "") or "use-case"


def _below(path: str, model: type[BaseModel]) -> Iterator[Section]:
    for name, field in model.model_fields.items():
        here = f"{path}.{name}".lstrip(".")
        yield from _models(here, field.annotation)


def _models(path: str, annotation: Any) -> Iterator[Section]:
    """The models that a value may be or hold, each with the path that leads there."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield path, annotation
    elif origin is Annotated:
        yield from _models(path, arguments[0])
    elif origin is tuple:
        yield from _models(f"{path}[]", arguments[0])
    elif origin is dict:
        yield from _models(f"{path}.NAME", arguments[1])
    elif origin in (Union, types.UnionType):
        for one in arguments:
            found = list(_models(path, one))
            several = sum(bool(list(_models(path, other))) for other in arguments) > 1
            yield from ((f"{where} {_kind(model)}" if several else where, model) for where, model in found)


def _kind(model: type[BaseModel]) -> str:
    """What tells one model of several: the field that has one value only."""
    for name, field in model.model_fields.items():
        if get_origin(field.annotation) is Literal and len(get_args(field.annotation)) == 1:
            return f"{name}: {get_args(field.annotation)[0]}"
    return model.__name__


def _type(annotation: Any, field: FieldInfo, sections: dict[type[BaseModel], str]) -> str:
    words = _words(annotation, sections)
    bounds = _bounds(field.metadata)
    return f"{words}, {bounds}" if bounds else words


def _words(annotation: Any, sections: dict[type[BaseModel], str]) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation in SIMPLE:
        return SIMPLE[annotation]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        path = sections[annotation]
        return f"[{path or 'use case'}](#{_anchor(path)})"
    if origin is Literal:
        return " or ".join(code(one) for one in arguments)
    if origin is Annotated:
        bounds = _bounds(arguments[1:])
        return f"{_words(arguments[0], sections)}{f' ({bounds})' if bounds else ''}"
    if origin is tuple:
        return f"list of {_words(arguments[0], sections)}"
    if origin is dict:
        return f"mapping of {_words(arguments[0], sections)} to {_words(arguments[1], sections)}"
    if origin in (Union, types.UnionType):
        return " or ".join("`null`" if one is type(None) else _words(one, sections) for one in arguments)
    return "anything" if annotation is Any else str(getattr(annotation, "__name__", annotation))


def _bounds(metadata: Any) -> str:
    found = []
    for one in metadata:
        if isinstance(one, FieldInfo):
            found.append(_bounds(one.metadata))
            continue
        found += [words.format(f"{value:,g}") for key, words in BOUNDS.items() if (value := _of(one, key)) is not None]
        if pattern := _of(one, "pattern"):
            found.append(f"matches `{pattern}`")
    return ", ".join(filter(None, found))


def _of(constraint: Any, key: str) -> Any:
    value = getattr(constraint, key, None)
    return None if callable(value) else value


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True)
    # a section's defaults stand in its own table
    if isinstance(value, BaseModel) or (isinstance(value, dict | tuple) and any(map(_is_model, _values(value)))):
        return ""
    return code(value)


def _values(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else list(value)


def _is_model(value: Any) -> bool:
    return isinstance(value, BaseModel)
