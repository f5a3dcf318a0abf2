"""What a run may change: the form's main knobs, overrides of any other field, and a forced rerun."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context, Param
from pydantic_core import to_jsonable_python

from include.artifacts.history import Place
from include.core.errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from include.use_cases import UseCase

MAIN_KNOBS = (
    "training.pretrain.steps",
    "customization.techniques",
    "customization.lora.rank",
    "customization.lora.learning_rate",
)
# what decides which tasks a DAG has, and how: the whole value, or how many there are
SHAPE: dict[str, tuple[Callable[[Any], Any], str]] = {
    "strategy.approval": (to_jsonable_python, "a run does not change who approves"),
    "customization.gate.approval": (to_jsonable_python, "a run does not change who approves"),
    "customization.race.rungs": (len, "a run does not change how many rungs there are"),
}


def run_params(use_case: "UseCase", knobs: tuple[str, ...] = MAIN_KNOBS) -> dict[str, Param]:
    """The trigger form: `force_rerun`, `as_of`, the main knobs with the use case's values, and `overrides`."""
    params = {
        "force_rerun": Param(
            False, type="boolean", title="Force rerun", description="Run every step, whatever the store holds already."
        )
    }
    params["as_of"] = Param(
        "",
        type="string",
        title="As of",
        description="Look at the sources as they stood at this moment (ISO 8601, UTC without an offset). Empty: at the "
        "end of the run's data interval, or now where it has none.",
    )
    params |= {path: _knob(use_case, path) for path in knobs}
    params["overrides"] = Param(
        {},
        type="object",
        title="Other overrides",
        description='Any other field of the use case by its dotted path: {"evaluation.questions": 20}.',
    )
    return params


def _knob(use_case: "UseCase", path: str) -> Param:
    """A form field with the JSON schema of the configuration's field."""
    parent, _, name = path.rpartition(".")
    config: BaseModel = use_case.at(parent)
    whole = type(config).model_json_schema()
    schema = dict(whole["properties"][name])
    if definitions := _referred(schema, whole.get("$defs", {})):
        schema["$defs"] = definitions
    schema.pop("default", None)
    items = schema.get("items", {})
    choices = items.get("enum") or items.get("examples")
    if choices:
        # the web form shows an array with examples as a multiple choice
        schema["examples"] = choices
    return Param(config.model_dump(mode="json")[name], **(schema | {"title": path, "section": parent.split(".")[0]}))


def _referred(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """The definitions that a schema needs: Airflow validates each param's whole schema again for every task."""
    needed: dict[str, Any] = {}
    text = json.dumps(schema)
    while new := {name for name in definitions if f'"#/$defs/{name}"' in text} - needed.keys():
        needed |= {name: definitions[name] for name in new}
        text = json.dumps(needed)
    return needed


def overrides_of(context: Context) -> dict[str, Any]:
    """Dotted path -> value: the form's knobs, then `overrides`; ConfigurationError for anything unknown in conf."""
    params = context["params"]
    for key in context["dag_run"].conf or {}:
        if "." not in key and key not in ("force_rerun", "as_of", "overrides"):
            raise ConfigurationError(
                f"conf.{key}",
                "",
                "a run knows no such option",
                'Use force_rerun, as_of, a dotted path, or overrides = {"<dotted path>": <value>}',
            )
    extra = params.get("overrides") or {}
    if not isinstance(extra, dict):
        raise ConfigurationError("conf.overrides", extra, "not an object", 'Write {"<dotted path>": <value>}')
    return {path: value for path, value in params.items() if "." in path} | extra


def load_for_run(context: Context) -> "UseCase":
    """The use case that the DAG is named after, with this run's overrides; ConfigurationError where one is wrong.

    Who approves is the file's to say, and how many rungs the race has: the DAG has the tasks that it asks for.
    """
    from include.use_cases import load_use_case

    name, overrides = context["ti"].dag_id, overrides_of(context)
    found = load_use_case(name, overrides=overrides)
    if any(path.startswith(f"{fixed}.") or f"{fixed}.".startswith(f"{path}.") for path in overrides for fixed in SHAPE):
        in_file = load_use_case(name)
        for fixed, (decides, problem) in SHAPE.items():
            if decides(found.at(fixed)) != decides(in_file.at(fixed)):
                value = to_jsonable_python(found.at(fixed))
                raise ConfigurationError(f"parameter {fixed}", value, problem, "Change it in the use case's file")
    return found


def place_of(context: Context) -> Place:
    """This task instance, and the moment whose data its run looks at.

    That moment is the param `as_of`; without it the end of the run's data interval; for a run that has none, such
    as one triggered without a logical date, the moment when it was started.
    """
    ti, run = context["ti"], context["dag_run"]
    asked = context["params"].get("as_of")
    moment = _moment(asked or run.data_interval_end or run.run_after)
    if asked and moment > datetime.now(UTC):
        raise ConfigurationError("conf.as_of", asked, "lies in the future", "Name a moment that has been")
    return Place(
        use_case=ti.dag_id,
        run_id=ti.run_id,
        as_of=moment.isoformat(),
        task=ti.task_id,
        map_index=-1 if ti.map_index is None else ti.map_index,
    )


def _moment(given: datetime | str) -> datetime:
    try:
        moment = datetime.fromisoformat(given) if isinstance(given, str) else given
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConfigurationError(
            "conf.as_of", given, "not a moment in ISO 8601", "Write e.g. 2026-11-23T03:00:00+00:00"
        ) from None


def is_forced(context: Context) -> bool:
    """Whether this run makes every artifact anew."""
    return bool(context["params"].get("force_rerun", False))
