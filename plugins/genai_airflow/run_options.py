"""What a run may change: the form's main knobs, overrides of any other field, and a forced rerun."""

from typing import TYPE_CHECKING, Any

from airflow.sdk import Context, Param

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


def run_params(use_case: "UseCase", knobs: tuple[str, ...] = MAIN_KNOBS) -> dict[str, Param]:
    """The trigger form: `force_rerun`, the main knobs with the use case's values, and `overrides`."""
    params = {
        "force_rerun": Param(
            False, type="boolean", title="Force rerun", description="Run every step, whatever the store holds already."
        )
    }
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
    if definitions := whole.get("$defs"):
        schema["$defs"] = definitions
    schema.pop("default", None)
    choices = schema.get("items", {}).get("enum")
    if choices:
        # the web form shows an array with examples as a multiple choice
        schema["examples"] = choices
    return Param(config.model_dump(mode="json")[name], **(schema | {"title": path, "section": parent.split(".")[0]}))


def overrides_of(context: Context) -> dict[str, Any]:
    """Dotted path -> value: the form's knobs, then `overrides`; ConfigurationError for anything unknown in conf."""
    params = context["params"]
    for key in context["dag_run"].conf or {}:
        if "." not in key and key not in ("force_rerun", "overrides"):
            raise ConfigurationError(
                f"conf.{key}",
                "",
                "a run knows no such option",
                'Use force_rerun, a dotted path, or overrides = {"<dotted path>": <value>}',
            )
    extra = params.get("overrides") or {}
    if not isinstance(extra, dict):
        raise ConfigurationError("conf.overrides", extra, "not an object", 'Write {"<dotted path>": <value>}')
    return {path: value for path, value in params.items() if "." in path} | extra


def load_for_run(context: Context) -> "UseCase":
    """The use case that the DAG is named after, with this run's overrides; ConfigurationError where one is wrong."""
    from include.use_cases import load_use_case

    return load_use_case(context["ti"].dag_id, overrides=overrides_of(context))


def is_forced(context: Context) -> bool:
    """Whether this run makes every artifact anew."""
    return bool(context["params"].get("force_rerun", False))
