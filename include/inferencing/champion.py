"""The champion alias: which package serves a use case, and which verdict may move it. Compare-and-swap only.

The transitions of a rollout are in `include.inferencing.rollout.transitions`.
"""

import re
from collections.abc import Callable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from include.artifacts.bucket import Bucket
from include.artifacts.document import ALIASES, Document
from include.artifacts.history import sortable
from include.artifacts.manifest import RunName
from include.artifacts.ref import ArtifactRef
from include.core.errors import ConfigurationError, CorruptedArtifactError

NAME = "/champion.json"


class Serving(BaseModel):
    """A package under the name it has on Triton."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    model_name: str
    package: ArtifactRef
    gate: ArtifactRef | None = Field(None, description="Report of the gate that let it pass; without one none serves.")
    card: ArtifactRef | None = Field(None, description="Its model card, which lies beside what Triton serves.")


class Champion(Serving):
    """The package that serves, the one before it, and when (UTC, ISO 8601) it took over."""

    previous: Serving | None
    moved_at: str


class Verdict(RunName):
    """What the gate of the run that looks at the newest moment said."""

    passed: bool
    report: ArtifactRef
    at: str


class Rollout(RunName):
    """A package on its way to become the champion, and who drives it; the run's moment decides as a verdict's does."""

    candidate: Serving
    kind: Literal["deploy", "back"] = Field("deploy", description="back: a person brings an earlier champion back.")
    config: dict[str, Any] = Field(default_factory=dict, description="DeployConfig of whoever started it.")
    phase: Literal["loading", "probing", "canary"]
    share: float = Field(ge=0, le=1, description="Of the traffic, that the candidate answers now.")
    owner: str = Field(description="Who drives it; another takes over when the beat stands still.")
    beat: int = Field(ge=0, description="Raised by the owner while it lives.")
    started_at: str
    changed_at: str = Field(description="When phase or share changed last; UTC, ISO 8601.")


class Leaving(Serving):
    """A model that no new request goes to, and since when (UTC, ISO 8601); unloaded once its answers are complete."""

    since: str
    grace: float = Field(3.0, ge=0, description="Seconds that it stays loaded for those who have not heard yet.")


class Withdrawn(BaseModel):
    """A package that a person took out of service: the same bytes are not deployed again by a run."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    model_name: str
    package: ArtifactRef
    at: str


class Transition(BaseModel):
    """What happened to serving, for people and for the checker of what was served when."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    at: str
    what: Literal["started", "probing", "canary", "promoted", "rolled_back", "taken_over", "left"]
    model_name: str
    run_id: str
    share: float = 0.0
    reason: str = ""


class Alias(BaseModel):
    """One document: champion, verdict and rollout change one after the other, never at once."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    champion: Champion | None = None
    verdict: Verdict | None = None
    rollout: Rollout | None = None
    leaving: tuple[Leaving, ...] = ()
    withdrawn: tuple[Withdrawn, ...] = ()
    earlier: tuple[Serving, ...] = Field((), description="Champions until now, the latest last; bounded.")
    log: tuple[Transition, ...] = Field((), description="The newest transitions, the last one last; bounded.")

    @model_validator(mode="before")
    @classmethod
    def _with_champion_alone(cls, value: Any) -> Any:
        """Aliases of version 0.1 are the champion itself."""
        return {"champion": value} if isinstance(value, dict) and "model_name" in value else value

    def allows(self, run: RunName) -> bool:
        """Whether `run` may move the champion: no verdict looks at a later moment, none of its own moment says no."""
        if self.verdict is None:
            return True
        said, moment = sortable(self.verdict.as_of), sortable(run.as_of)
        return said < moment or (said == moment and self.verdict.passed)

    @property
    def named(self) -> dict[str, Serving]:
        """What may be loaded, by the name on Triton: champion, candidate, and what leaves."""
        found = (self.champion, self.rollout and self.rollout.candidate, *self.leaving)
        return {one.model_name: serving(one) for one in found if one}

    def is_withdrawn(self, name: str) -> bool:
        """Whether a person took the package out of service."""
        return any(one.model_name == name for one in self.withdrawn)


def serving(one: Serving) -> Serving:
    """A champion or a leaving model as the package that it is."""
    return Serving(**{name: getattr(one, name) for name in Serving.model_fields})


def model_name(use_case: str, package: ArtifactRef) -> str:
    """The package's name on Triton: letters, digits, _ and - only."""
    return f"{model_prefix(use_case)}{package.digest[:12]}"


def model_prefix(use_case: str) -> str:
    """How the names of a use case's models begin."""
    return f"{re.sub(r'[^A-Za-z0-9_-]', '-', use_case)}-"


def document(bucket: Bucket, use_case: str) -> Document:
    """The use case's champion alias."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", use_case):
        raise ConfigurationError("use_case", use_case, "is no plain name", "Use letters, digits, ., _ and -")
    return Document(bucket, f"{ALIASES}{use_case}{NAME}")


def read_alias(bucket: Bucket, use_case: str) -> tuple[Alias, str | None]:
    """The use case's alias and its version; an empty one and None before the first verdict."""
    alias = document(bucket, use_case)
    try:
        value, version = alias.read()
        return Alias.model_validate(value or {}), version
    except ValueError as error:
        raise CorruptedArtifactError(
            alias.key, str(error)[:200], "the champion alias cannot be read", "Delete it and deploy again"
        ) from error


def read(bucket: Bucket, use_case: str) -> Champion | None:
    """The champion; None before the first deployment."""
    return read_alias(bucket, use_case)[0].champion


def change(bucket: Bucket, use_case: str, changed: Callable[[Alias], Alias | None]) -> Alias:
    """Swap in what `changed` makes of the alias, again until nobody was in between; None: it stays.

    Gives the alias that stands. `changed` must recognize its own result: a swap whose answer was lost is tried again.
    """
    while True:
        current, version = read_alias(bucket, use_case)
        new = changed(current)
        if new is None:
            return current
        if document(bucket, use_case).swap(new.model_dump(mode="json"), version):
            return new


def judge(bucket: Bucket, use_case: str, verdict: Verdict) -> bool:
    """Make `verdict` the newest one, unless one that looks at a later moment stands."""

    def judged(alias: Alias) -> Alias | None:
        if alias.verdict and sortable(alias.verdict.as_of) > sortable(verdict.as_of):
            return None
        return None if alias.verdict == verdict else alias.model_copy(update={"verdict": verdict})

    return change(bucket, use_case, judged).verdict == verdict


def use_cases(bucket: Bucket) -> list[str]:
    """Use cases that have a champion."""
    return [key[len(ALIASES) : -len(NAME)] for key in bucket.keys(ALIASES) if key.endswith(NAME)]
