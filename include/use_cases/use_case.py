"""A use case: one YAML file that holds all a business user edits, checked before anything runs."""

from pathlib import Path
from typing import Any

from croniter import croniter
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from include.core.errors import ConfigurationError
from include.customization.config import CustomizationConfig
from include.data_preparation.config import DataPreparationConfig
from include.evaluation.config import EvaluationConfig
from include.inferencing.config import InferencingConfig
from include.strategy.config import StrategyConfig
from include.training.config import TrainingConfig
from include.use_cases.document import nearest, read_document, with_overrides
from include.use_cases.explain import configuration_error

FOLDER = Path(__file__).parent


class UseCase(BaseModel):
    """One run of the workflow from goal to served model; a section a step package."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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

    @field_validator("schedule")
    @classmethod
    def _is_cron(cls, value: str | None) -> str | None:
        if value is not None and not croniter.is_valid(value):
            raise ValueError("not a cron expression of five fields, nor a preset such as @daily")
        return value

    def at(self, path: str) -> Any:
        """The configuration object or value at a dotted path: `customization.lora`."""
        value: Any = self
        for depth, name in enumerate(path.split(".")):
            known = list(type(value).model_fields) if isinstance(value, BaseModel) else []
            if name not in known:
                field = ".".join(path.split(".")[: depth + 1])
                raise ConfigurationError(field, path, "the use case has no such field", nearest(name, known))
            value = getattr(value, name)
        return value


def use_case_names(folder: Path = FOLDER) -> list[str]:
    """Names of all use cases, sorted."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def load_use_case(name: str, overrides: dict[str, Any] | None = None, folder: Path = FOLDER) -> UseCase:
    """The use case `name`, with values at dotted paths overridden; ConfigurationError names the wrong field."""
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
    _require_anonymization(use_case, path.name)
    return use_case


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
