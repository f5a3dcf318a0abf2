"""A use case: one YAML file that holds all a business user edits, checked before anything runs."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

from croniter import croniter
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from include.core.errors import ConfigurationError, PermanentError
from include.core.settings import settings
from include.customization.config import CustomizationConfig
from include.data_preparation.config import LEAST_TICKETS, DataPreparationConfig, Source
from include.data_preparation.config.sources import BY_ENDPOINT, BY_TEMPLATES
from include.evaluation.config import EvaluationConfig
from include.inferencing.config import InferencingConfig
from include.privacy.policy import IDENTIFYING
from include.strategy.accelerators import accelerators, serving_device, training_device
from include.strategy.config import StrategyConfig
from include.training.config import TrainingConfig
from include.use_cases.document import nearest, read_document, with_overrides
from include.use_cases.explain import configuration_error
from include.use_cases.measured import require_decidable, require_measured, require_passable


class UseCase(BaseModel):
    """One run of the workflow from goal to served model; a section a step package."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="The file's name without .yaml.")
    title: str = Field(min_length=1, description="What people call it.")
    schedule: str | None = Field(None, description="Cron expression (UTC) or preset such as @weekly; null: by hand.")
    strategy: StrategyConfig = Field(description="Goal, indicators, demand, data, limits.")
    data_preparation: DataPreparationConfig = Field(
        default_factory=DataPreparationConfig, description="From sources to a dataset."
    )
    training: TrainingConfig = Field(default_factory=TrainingConfig, description="The models to choose from.")
    customization: CustomizationConfig = Field(
        default_factory=CustomizationConfig, description="How the chosen model is adapted."
    )
    evaluation: EvaluationConfig = Field(default_factory=EvaluationConfig, description="How models are measured.")
    inferencing: InferencingConfig = Field(
        default_factory=InferencingConfig, description="How the model is packaged and served."
    )

    @field_validator("name")
    @classmethod
    def _is_nobody_else_s(cls, value: str) -> str:
        if value.endswith("_operations"):
            raise ValueError("the DAGs of operations are called <use case>_operations: name it otherwise")
        if value == "traffic":
            raise ValueError("gateways write what they answer to serving/traffic/: name it otherwise")
        return value

    @field_validator("schedule")
    @classmethod
    def _is_cron(cls, value: str | None) -> str | None:
        if value is None:
            return value
        if not croniter.is_valid(value) or not (value.startswith("@") or len(value.split()) == 5):
            raise ValueError("not a cron expression of five fields, nor a preset such as @daily")
        return value

    def at(self, path: str) -> Any:
        """The configuration object or value at a dotted path: `customization.lora`."""
        value: Any = self
        for depth, name in enumerate(path.split(".")):
            known = list(type(value).model_fields) if isinstance(value, BaseModel) else []
            if isinstance(value, tuple):
                value = {str(index): one for index, one in enumerate(value)}
            if isinstance(value, dict):
                known = list(value)
            if name not in known:
                field = ".".join(path.split(".")[: depth + 1])
                raise ConfigurationError(field, path, "the use case has no such field", nearest(name, known))
            value = value[name] if isinstance(value, dict) else getattr(value, name)
        return value


def use_case_names(folder: Path | None = None) -> list[str]:
    """Names of all use cases of a folder (GENAI_USE_CASES_FOLDER), sorted."""
    folder = folder or settings().use_cases_folder
    return sorted(path.stem for path in folder.glob("*.yaml"))


def load_use_case(name: str, overrides: dict[str, Any] | None = None, folder: Path | None = None) -> UseCase:
    """The use case `name`, with values at dotted paths overridden; ConfigurationError names the wrong field."""
    folder = folder or settings().use_cases_folder
    known = use_case_names(folder)
    if name not in known:
        raise ConfigurationError("use case", name, "there is no such use case", nearest(name, known))
    path = folder / f"{name}.yaml"
    content = read_document(path)
    if "name" in content:
        raise ConfigurationError(f"{path.name}: name", content["name"], "the file's name is the name", "Remove it")
    changed = with_overrides(content, overrides or {})
    try:
        use_case = UseCase.model_validate({"name": name, **changed})
    except ValidationError as error:
        raise configuration_error(error, UseCase, path.name, set(overrides or {})) from None
    _require_known_devices(use_case, path.name)
    require_measured(use_case, path.name)
    require_decidable(use_case, path.name)
    require_passable(use_case, path.name)
    _require_known_sources(use_case, path.name)
    _require_labels(use_case, path.name)
    _require_tickets(use_case, path.name)
    _require_anonymization(use_case, path.name)
    _require_impersonal_pairs(use_case, path.name)
    return use_case


def load_each(names: Iterable[str]) -> tuple[list[UseCase], dict[str, PermanentError]]:
    """The use cases that load, and name -> error of the others: one wrong file does not hide the rest."""
    loaded: list[UseCase] = []
    errors: dict[str, PermanentError] = {}
    for name in names:
        try:
            loaded.append(load_use_case(name))
        except PermanentError as error:
            errors[name] = error
    return loaded, errors


def _require_known_devices(use_case: UseCase, file: str) -> None:
    table = accelerators()
    for find in (training_device, serving_device):
        try:
            find(use_case.strategy, table)
        except ConfigurationError as error:
            raise ConfigurationError(f"{file}: {error.field}", error.value, error.problem, error.remedy) from None


def _require_known_sources(use_case: UseCase, file: str) -> None:
    aggregate = use_case.data_preparation.aggregate
    collections = [source.name for source in aggregate.collections]
    pairs = [source.name for source in use_case.customization.preferences.files]
    known = (*get_args(Source), *collections, *pairs)
    declared = [source.name for source in use_case.strategy.data_sources]
    named = [(f"strategy.data_sources.{index}.name", name) for index, name in enumerate(declared)]
    named += [("data_preparation.anonymize.sources", name) for name in use_case.data_preparation.anonymize.sources]
    for index, taxonomy in enumerate(use_case.data_preparation.label.taxonomies):
        named += [(f"data_preparation.label.taxonomies.{index}.sources", name) for name in taxonomy.sources]
    for index, asked in enumerate(use_case.data_preparation.split.label_questions):
        named += [(f"data_preparation.split.label_questions.{index}.sources", name) for name in asked.sources]
    for field, name in named:
        if name not in known:
            raise ConfigurationError(
                f"{file}: {field}", name, "the workflow reads no such source", nearest(name, known)
            )
    dated = [name for name in ("tickets", "records") if getattr(aggregate, name)]
    texts = use_case.data_preparation.generate_texts
    made = [BY_TEMPLATES] * bool(texts.templates) + [BY_ENDPOINT] * bool(texts.prompts)
    for name in [*dated, *collections, *made, *pairs]:
        if name not in declared:
            raise ConfigurationError(
                f"{file}: strategy.data_sources",
                declared,
                f"{name} are aggregated, and their sensitivity is not declared",
                f"Declare the source {name} here",
            )


def _require_labels(use_case: UseCase, file: str) -> None:
    """Sources that are asked about for their label have labels."""
    data = use_case.data_preparation
    labelled = {"tickets", "docstrings", "pydoc_topics"}.union(*(one.sources for one in data.label.taxonomies))
    for index, asked in enumerate(data.split.label_questions):
        if bare := [name for name in asked.sources if name not in labelled]:
            raise ConfigurationError(
                f"{file}: data_preparation.split.label_questions.{index}.sources",
                bare[0],
                "no taxonomy labels the source",
                "Declare its labels in data_preparation.label.taxonomies",
            )


def _require_tickets(use_case: UseCase, file: str) -> None:
    tickets = use_case.data_preparation.aggregate.tickets
    if 0 < tickets < LEAST_TICKETS:
        raise ConfigurationError(
            f"{file}: data_preparation.aggregate.tickets",
            tickets,
            f"the synthetic ticket table needs at least {LEAST_TICKETS} to be modelled on",
            "Generate more, or none: 0",
        )


def _require_anonymization(use_case: UseCase, file: str) -> None:
    anonymized = use_case.data_preparation.anonymize.sources
    personal = [source.name for source in use_case.strategy.data_sources if source.sensitivity == "personal"]
    bare = [name for name in personal if name not in anonymized]
    if bare:
        raise ConfigurationError(
            f"{file}: data_preparation.anonymize.sources",
            list(anonymized),
            f"strategy.data_sources declares {', '.join(bare)} as personal, and it would not be anonymized",
            "Add it here, or correct its sensitivity",
        )
    _require_hidden(use_case, file, personal)


def _require_impersonal_pairs(use_case: UseCase, file: str) -> None:
    """Pairs of answers are trained on as they are: nothing anonymizes them."""
    personal = [source.name for source in use_case.strategy.data_sources if source.sensitivity == "personal"]
    for index, source in enumerate(use_case.customization.preferences.files):
        if source.name in personal:
            raise ConfigurationError(
                f"{file}: customization.preferences.files.{index}",
                source.name,
                "strategy.data_sources declares it as personal, and pairs of answers are not anonymized",
                "Anonymize the files before, and correct its sensitivity",
            )


def _require_hidden(use_case: UseCase, file: str, personal: list[str]) -> None:
    config = use_case.data_preparation.anonymize
    kept = [kind for kind in IDENTIFYING if config.policy[kind] == "keep"]
    if personal and kept:
        raise ConfigurationError(
            f"{file}: data_preparation.anonymize.policy.{kept[0]}",
            "keep",
            f"{', '.join(personal)} would be trained on and published with it, and is declared as personal",
            "Make it a pseudonym, redact or hash it, or correct the sensitivity",
        )
    aggregate = use_case.data_preparation.aggregate
    shown = [f"records.{index}" for index, one in enumerate(aggregate.records) if one.ids == "shown"]
    shown = shown if "records" in config.sources else []
    shown += [
        f"collections.{index}"
        for index, one in enumerate(aggregate.collections)
        if one.ids == "shown" and one.name in config.sources
    ]
    if shown:
        raise ConfigurationError(
            f"{file}: data_preparation.aggregate.{shown[0]}.ids",
            "shown",
            "the source is anonymized, and the names of its records and files may tell of people too",
            "Leave it at hidden",
        )
