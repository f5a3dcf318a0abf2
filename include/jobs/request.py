"""What a job is asked to do: one step on its arguments, as JSON that another process can run."""

from importlib import import_module
from importlib.machinery import PathFinder
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from include.artifacts.arguments import references
from include.artifacts.history import Place
from include.artifacts.manifest import sha256_of
from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Step
from include.artifacts.workspace import forced_job
from include.core.errors import ConfigurationError
from include.core.settings import PROJECT_ROOT
from include.distributed.meter import CURVES, DOCUMENT


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Argument(_Frozen):
    """One argument of a step in JSON: artifacts as references, a configuration with the name of its class."""

    kind: Literal["artifact", "artifacts", "model", "value"]
    model: str = ""
    value: Any

    @classmethod
    def of(cls, given: Any) -> "Argument":
        """An argument as a step takes it."""
        if isinstance(given, BaseModel) and not isinstance(given, ArtifactRef):
            name = f"{type(given).__module__}:{type(given).__qualname__}"
            return cls(kind="model", model=name, value=given.model_dump(mode="json", serialize_as_any=True))
        if not (refs := references(given)):
            return cls(kind="value", value=given)
        dumped = [ref.model_dump(mode="json") for ref in refs]
        if isinstance(given, ArtifactRef):
            return cls(kind="artifact", value=dumped[0])
        return cls(kind="artifacts", value=dumped)

    def restore(self) -> Any:
        """The argument again."""
        if self.kind == "artifact":
            return ArtifactRef.model_validate(self.value)
        if self.kind == "artifacts":
            return [ArtifactRef.model_validate(one) for one in self.value]
        if self.kind == "value":
            return self.value
        model = _attribute(self.model)
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            raise ConfigurationError("request.model", self.model, "it is no configuration", "Submit the job again")
        return model.model_validate(self.value)


class JobRequest(_Frozen):
    """One run of a step, as `Step.run` takes it, and the fingerprint that whoever submits it expects."""

    step: str = Field(description="`training.pretrain`, or `package.module:attribute`.")
    name: str
    fingerprint: str
    arguments: dict[str, Argument]
    place: Place
    config_path: str = ""
    force: bool = False

    @classmethod
    def of(
        cls,
        path: str,
        fingerprint: str,
        arguments: dict[str, Any],
        place: Place,
        *,
        config_path: str = "",
        force: bool = False,
    ) -> "JobRequest":
        """The request for the step that `path` names."""
        return cls(
            step=path,
            name=import_step(path).name,
            fingerprint=fingerprint,
            arguments={name: Argument.of(given) for name, given in arguments.items()},
            place=place,
            config_path=config_path,
            force=force,
        )

    @property
    def key(self) -> str:
        """Names the work: equal for whoever needs the same artifact, and for a forced run apart from all others."""
        return sha256_of([self.name, self.fingerprint, self.place.run_id if self.force else ""])[:32]

    @property
    def progress(self) -> str:
        """Key of the document in which rank 0 of the step's job tells how far it is."""
        return DOCUMENT.format(step=self.name, fingerprint=self._job)

    @property
    def curves(self) -> str:
        """Key of the document with what is told there, and the losses so far."""
        return CURVES.format(step=self.name, fingerprint=self._job)

    @property
    def _job(self) -> str:
        return forced_job(self.fingerprint, self.place.run_id) if self.force else self.fingerprint

    def restore(self) -> dict[str, Any]:
        """The step's arguments."""
        return {name: argument.restore() for name, argument in self.arguments.items()}


def import_step(path: str) -> "Step[...]":
    """The step that `data_preparation.anonymize` or `package.module:attribute` names."""
    if ":" not in path:
        path = f"include.{path}:{path.rpartition('.')[2]}"
    found = _attribute(path)
    if not isinstance(found, Step):
        raise ConfigurationError("step", path, "it is no step", "Name a step's module, or module:attribute")
    return found


def _attribute(path: str) -> Any:
    """What a request names: a request is data, and imports nothing but this project's own packages."""
    module, _, attribute = path.partition(":")
    if PathFinder.find_spec(module.partition(".")[0], [str(PROJECT_ROOT)]) is None:
        raise ConfigurationError(
            "request", path, "it names code outside of this project", "Name a module below the project's folder"
        )
    found: Any = import_module(module)
    for name in attribute.split("."):
        found = getattr(found, name)
    return found
