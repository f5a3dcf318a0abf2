"""The champion alias: which package serves a use case, and which verdict may move it. Compare-and-swap only."""

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from include.artifacts.bucket import Bucket
from include.artifacts.document import ALIASES, Document
from include.artifacts.history import now, sortable
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
    phase: Literal["loading", "probing", "canary"]
    share: float = Field(ge=0, le=1, description="Of the traffic, that the candidate answers now.")
    owner: str = Field(description="Who drives it; another takes over when the beat stands still.")
    beat: int = Field(ge=0, description="Raised by the owner while it lives.")
    started_at: str
    changed_at: str = Field(description="When phase or share changed last; UTC, ISO 8601.")


class Leaving(Serving):
    """A model that no new request goes to, and since when (UTC, ISO 8601); unloaded once its answers are complete."""

    since: str


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
    log: tuple[Transition, ...] = Field((), description="The newest transitions, the last one last; bounded.")

    @model_validator(mode="before")
    @classmethod
    def _with_champion_alone(cls, value: Any) -> Any:
        """Aliases of version 0.1 are the champion itself."""
        return {"champion": value} if isinstance(value, dict) and "model_name" in value else value

    def allows(self, run: RunName) -> bool:
        """Whether `run` may move the champion: no verdict looks at a later moment."""
        return self.verdict is None or sortable(self.verdict.as_of) <= sortable(run.as_of)


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


def judge(bucket: Bucket, use_case: str, verdict: Verdict) -> bool:
    """Make `verdict` the newest one, unless one that looks at a later moment stands."""
    while True:
        current, version = read_alias(bucket, use_case)
        if not current.allows(verdict):
            return False
        changed = current.model_copy(update={"verdict": verdict})
        if document(bucket, use_case).swap(changed.model_dump(mode="json"), version):
            return True


def move(bucket: Bucket, use_case: str, serving: Serving, run: RunName) -> Champion | None:
    """Make `serving` the champion, the one until now its previous one; None where a newer verdict forbids it."""
    while True:
        current, version = read_alias(bucket, use_case)
        if not current.allows(run):
            return None
        before = current.champion
        if before and before.model_name == serving.model_name:
            return before
        previous = Serving(model_name=before.model_name, package=before.package) if before else None
        moved = Champion(**dict(serving), previous=previous, moved_at=now())
        changed = current.model_copy(update={"champion": moved})
        if document(bucket, use_case).swap(changed.model_dump(mode="json"), version):
            return moved


def use_cases(bucket: Bucket) -> list[str]:
    """Use cases that have a champion."""
    return [key[len(ALIASES) : -len(NAME)] for key in bucket.keys(ALIASES) if key.endswith(NAME)]
