"""The step: a function that reads artifacts and writes one, made cached, atomic and explainable.

@step("dataset")
def anonymize(work: Workspace, source: ArtifactRef, config: AnonymizeConfig) -> None:
    folder = work.fetch(source)
    ...                                   # write files below work.output
    work.metrics["entities"] = 12

ref = anonymize(store, source=ref, config=config)             # in a notebook, a test, a script
outcome = anonymize.run(store, {"source": ref, "config": config}, slot="python_assistant/anonymize")
"""

import logging
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Concatenate, Generic, ParamSpec, get_args

from pydantic import BaseModel

from include.artifacts.bucket import StoreAddress
from include.artifacts.fingerprint import code_parts, explain, resource_digests
from include.artifacts.manifest import FingerprintParts, Manifest
from include.artifacts.ref import ArtifactRef, Kind, artifact_prefix
from include.artifacts.scratch import disk_full, scratch_folder
from include.artifacts.store import ArtifactStore, Document
from include.core.errors import CorruptedArtifactError

P = ParamSpec("P")


@dataclass(frozen=True)
class Outcome:
    """What a step did: `reused` its committed artifact, or ran, and why."""

    ref: ArtifactRef
    reused: bool
    reason: str
    metrics: dict[str, Any]
    seconds: float


class Workspace:
    """What a running step sees: its inputs on local disk, a folder to write to, metrics to fill."""

    def __init__(self, store: ArtifactStore, step: str, fingerprint: str, folder: Path) -> None:
        self.store, self.step, self.fingerprint = store, step, fingerprint
        self.folder, self.output = folder, folder / "output"
        self.output.mkdir(parents=True)
        self.metrics: dict[str, Any] = {}
        self.log = logging.getLogger(f"genai.{step}")

    def fetch(self, ref: ArtifactRef, *, only: str = "") -> Path:
        """A verified local copy of an artifact, or of its files whose path starts with `only`."""
        target = self.folder / "inputs" / f"{ref.fingerprint[:16]}{only.replace('/', '_')}"
        return target if target.exists() else self.store.fetch(ref, target, only=only)

    @property
    def address(self) -> StoreAddress:
        """The object store's address, for child processes."""
        return self.store.bucket.address


class Step(Generic[P]):
    """A step function with its cache; see `step`."""

    def __init__(
        self,
        function: Callable[Concatenate[Workspace, P], None],
        kind: Kind,
        resources: tuple[str, ...],
        observes: Callable[..., dict[str, Any]] | None,
    ) -> None:
        self.function, self.kind, self.resources, self.observes = function, kind, resources, observes
        self.name = function.__module__.removeprefix("include.")
        self.__doc__ = function.__doc__

    def __call__(self, store: ArtifactStore, *args: P.args, **kwargs: P.kwargs) -> ArtifactRef:
        """Run or reuse; arguments by name only."""
        if args:
            raise TypeError(f"{self.name} takes its arguments by name")
        return self.run(store, dict(kwargs)).ref

    def parts(self, arguments: dict[str, Any]) -> FingerprintParts:
        """What decides this step's result on `arguments`."""
        code, libraries = code_parts(self.function.__module__)
        inputs: dict[str, Any] = {}
        config: dict[str, Any] = {}
        for name, value in arguments.items():
            if isinstance(value, ArtifactRef):
                inputs[name] = value.digest
            elif isinstance(value, list | tuple) and value and all(isinstance(item, ArtifactRef) for item in value):
                inputs[name] = [item.digest for item in value]
            else:
                config[name] = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
        if self.observes:
            config["observed"] = self.observes(**arguments)
        return FingerprintParts(
            code=code | resource_digests(self.resources), libraries=libraries, config=config, inputs=inputs
        )

    def run(
        self,
        store: ArtifactStore,
        arguments: dict[str, Any],
        *,
        slot: str = "",
        config_path: str = "",
        force: bool = False,
    ) -> Outcome:
        """Reuse the artifact of these arguments, or make and commit it.

        `slot` names the place in a workflow whose last run explains this one; `config_path` is where
        the configuration lies in the use case; `force` makes the artifact anew.
        """
        parts = self.parts(arguments)
        fingerprint = parts.digest(self.name)
        last = Document(store.bucket, f"last_runs/{slot or self.name}.json")
        found = None if force else store.find(self.name, fingerprint)
        if found:
            last.write({"step": self.name, "fingerprint": fingerprint})
            return Outcome(
                found.ref,
                True,
                f"reused: same code, configuration and inputs as on {found.created_at[:19]}",
                found.metrics,
                found.seconds,
            )
        reason = "ran: forced" if force else self._why(store, last, parts, config_path)
        logging.getLogger(f"genai.{self.name}").info(reason)
        manifest = self._make(store, arguments, parts, fingerprint, replace=force)
        last.write({"step": self.name, "fingerprint": fingerprint})
        return Outcome(manifest.ref, False, reason, manifest.metrics, manifest.seconds)

    def _why(self, store: ArtifactStore, last: Document, parts: FingerprintParts, config_path: str) -> str:
        try:
            value, _ = last.read()
            before = store.find(str(value["step"]), str(value["fingerprint"])) if value else None
        except CorruptedArtifactError:
            before = None  # what explains is a hint; what counts is the fingerprint
        if before is None:
            return "ran: first run"
        lines = explain(before.parts, parts, config_path)
        return "ran: " + (
            "; ".join(lines[:6]) + (f"; and {len(lines) - 6} more" if len(lines) > 6 else "")
            or "its artifact was deleted"
        )

    def _make(
        self,
        store: ArtifactStore,
        arguments: dict[str, Any],
        parts: FingerprintParts,
        fingerprint: str,
        *,
        replace: bool,
    ) -> Manifest:
        started = time.monotonic()
        with scratch_folder(self.name) as folder:
            try:
                work = Workspace(store, self.name, fingerprint, folder)
                self.function(work, **arguments)  # type: ignore[call-arg]
                attempt, files = store.upload(artifact_prefix(self.name, fingerprint), work.output)
            except Exception as error:
                if full := disk_full(error, folder):
                    raise full from error
                raise
        manifest = Manifest(
            kind=self.kind,
            step=self.name,
            fingerprint=fingerprint,
            attempt=attempt,
            parts=parts,
            files=files,
            metrics=work.metrics,
            inputs={name: value for name, value in arguments.items() if name in parts.inputs},
            created_at=datetime.now(UTC).isoformat(),
            created_by=f"{socket.gethostname()}:{os.getpid()}",
            seconds=round(time.monotonic() - started, 2),
        )
        return store.replace(manifest) if replace else store.commit(manifest)


def step(
    kind: Kind, *, resources: tuple[str, ...] = (), observes: Callable[..., dict[str, Any]] | None = None
) -> Callable[[Callable[Concatenate[Workspace, P], None]], Step[P]]:
    """Make a function a step that writes a `kind` of artifact, named after its module.

    `resources` are files, relative to the project, whose content decides the result too. `observes`
    takes the step's arguments and returns the state of whatever else the step reads (the version of a
    source, say) as JSON: it counts as configuration, so that a changed source is never answered from the cache.
    """
    if kind not in get_args(Kind):
        raise TypeError(f"unknown kind of artifact: {kind}")
    return lambda function: Step(function, kind, resources, observes)
