"""The step: a function that reads artifacts and writes one, made cached, atomic and explainable.

@step("dataset")
def anonymize(work: Workspace, source: ArtifactRef, config: AnonymizeConfig) -> None:
    folder = work.fetch(source)
    ...                                   # write files below work.output
    work.metrics["entities"] = 12

ref = anonymize(store, source=ref, config=config)             # in a notebook, a test, a script
outcome = anonymize.run(store, {"source": ref, "config": config}, place=place)        # in a workflow
"""

import logging
import os
import socket
import time
import uuid
from collections.abc import Callable
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from importlib import import_module
from inspect import signature
from typing import Any, Concatenate, Generic, NamedTuple, ParamSpec, get_args

from include.artifacts.arguments import argument_parts, references
from include.artifacts.claim import sole_writer
from include.artifacts.fingerprint import code_parts, explain, resource_digests
from include.artifacts.history import History, Place
from include.artifacts.manifest import FingerprintParts, Manifest, RunName
from include.artifacts.outcome import Outcome, reason_of_reuse, record, reused
from include.artifacts.ref import ArtifactRef, Kind, artifact_prefix
from include.artifacts.scratch import disk_full, scratch_folder
from include.artifacts.store import ArtifactStore
from include.artifacts.workspace import Workspace, forced_job
from include.core.errors import ChangedMeanwhileError, CorruptedArtifactError

# what a step's author needs
__all__ = ["Decision", "Step", "Workspace", "step"]

P = ParamSpec("P")
MOST_REASONS = 6


class Decision(NamedTuple):
    """What decides a step's result, the committed artifact that is reused, None where the step runs, and why."""

    parts: FingerprintParts
    found: Manifest | None
    reason: str


class Step(Generic[P]):
    """A step function with its cache; see `step`."""

    def __init__(
        self,
        function: Callable[Concatenate[Workspace, P], None],
        kind: Kind,
        resources: tuple[str, ...] = (),
        observes: Callable[..., dict[str, Any]] | None = None,
        through: tuple[str, ...] = (),
        measures: tuple[str, ...] = (),
    ) -> None:
        self.function, self.kind, self.resources, self.observes = function, kind, resources, observes
        self.through, self.measures = through, measures
        module = function.__module__.removeprefix("include.")
        same = module.rpartition(".")[2] == function.__name__
        self.name = module if same else f"{module}.{function.__name__}"
        self.__doc__ = function.__doc__
        self._loaded = code_parts(function.__module__)  # what this process runs

    def __call__(self, store: ArtifactStore, *args: P.args, **kwargs: P.kwargs) -> ArtifactRef:
        """Run or reuse; arguments by name only."""
        if args:
            raise TypeError(f"{self.name} takes its arguments by name")
        return self.run(store, dict(kwargs)).ref

    def parts(self, store: ArtifactStore, arguments: dict[str, Any]) -> FingerprintParts:
        """What decides this step's result on `arguments`."""
        code, libraries = code_parts(self.function.__module__)
        config, inputs = argument_parts(store, arguments, self.through, self.measures)
        if self.observes:
            config["observed"] = self.observes(store, **arguments)  # `step` lets no argument have this name
        return FingerprintParts(
            code=code | resource_digests(self.resources), libraries=libraries, config=config, inputs=inputs
        )

    def run(
        self,
        store: ArtifactStore,
        arguments: dict[str, Any],
        *,
        place: Place | None = None,
        config_path: str = "",
        force: bool = False,
    ) -> Outcome:
        """Reuse the artifact of these arguments, or make and commit it.

        `place` is the task instance whose earlier runs explain this one, and whose record is kept; `config_path`
        is where the configuration lies in the use case; `force` makes the artifact anew.
        """
        decision = self.decide(store, arguments, place=place, config_path=config_path, force=force)
        if found := decision.found:
            outcome = reused(found)
        else:
            fingerprint = decision.parts.digest(self.name)
            with nullcontext() if force else sole_writer(store, self.name, fingerprint, place) as made_meanwhile:
                if made_meanwhile:
                    outcome = reused(made_meanwhile)
                else:
                    logging.getLogger(f"genai.{self.name}").info(decision.reason)
                    manifest = self._make(store, arguments, decision.parts, place, replace=force)
                    outcome = Outcome(manifest.ref, False, decision.reason, manifest.metrics, manifest.seconds)
        if place:
            record(store, place, outcome)
        return outcome

    def decide(
        self,
        store: ArtifactStore,
        arguments: dict[str, Any],
        *,
        place: Place | None = None,
        config_path: str = "",
        force: bool = False,
    ) -> Decision:
        """What `run` would do, and why: runs and plans ask here, so that they cannot disagree."""
        parts = self.parts(store, arguments)
        found = None if force else store.find(self.name, parts.digest(self.name))
        if found:
            return Decision(parts, found, reason_of_reuse(found))
        return Decision(parts, None, "ran: forced" if force else self.why(store, parts, place, config_path))

    def why(self, store: ArtifactStore, parts: FingerprintParts, place: Place | None, config_path: str) -> str:
        """Which of `parts` differ from those of the run before, and which run that is."""
        before = History(store.bucket).before(place) if place else None
        if before is None:
            return "ran: first run"
        try:
            old = store.find(before.ref.step, before.ref.fingerprint)
        except CorruptedArtifactError:
            old = None  # what explains is a hint; what counts is the fingerprint
        run = f"run {before.place.run_id}"
        if old is None:
            return f"ran: the artifact of {run} was deleted"
        lines = explain(old.parts, parts, config_path)
        more = f"; and {len(lines) - MOST_REASONS} more" if len(lines) > MOST_REASONS else ""
        return f"ran: {'; '.join(lines[:MOST_REASONS]) or 'its artifact was deleted'}{more} (since {run})"

    def _make(
        self,
        store: ArtifactStore,
        arguments: dict[str, Any],
        parts: FingerprintParts,
        place: Place | None,
        *,
        replace: bool,
    ) -> Manifest:
        started, fingerprint = time.monotonic(), parts.digest(self.name)
        measured = tuple(ref for name in self.measures for ref in references(arguments.get(name)))
        with scratch_folder(self.name) as folder:
            try:
                job = forced_job(fingerprint, place.run_id if place else uuid.uuid4().hex) if replace else ""
                work = Workspace(store, self.name, fingerprint, folder, measured, job)
                self._require_loaded()
                self.function(work, **arguments)  # type: ignore[call-arg]
                self._require_unchanged(store, arguments, parts)
                attempt, files = store.upload(artifact_prefix(self.name, fingerprint), work.output, fresh=replace)
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
            run=RunName(use_case=place.use_case, run_id=place.run_id, as_of=place.as_of) if place else None,
            seconds=round(time.monotonic() - started, 2),
        )
        return store.replace(manifest) if replace else store.commit(manifest)

    def _require_loaded(self) -> None:
        """ChangedMeanwhileError where this process would run other code than the fingerprint names."""
        for module in self._loaded[0]:
            # what would be imported later must not be edited before; what another interpreter runs is not for this one
            with suppress(ImportError):
                import_module(module)
        if self._loaded != code_parts(self.function.__module__):
            raise ChangedMeanwhileError(
                self.name, "code", "code or libraries on disk are not what this process has loaded", "Run it again"
            )

    def _require_unchanged(self, store: ArtifactStore, arguments: dict[str, Any], parts: FingerprintParts) -> None:
        """ChangedMeanwhileError where a source or resource is not what it was when the step began to read it."""
        observed = self.observes is None or self.observes(store, **arguments) == parts.config["observed"]
        if not observed or resource_digests(self.resources).items() - parts.code.items():
            raise ChangedMeanwhileError(self.name, "source", "it changed while it was read", "Run the step again")


def step(
    kind: Kind,
    *,
    resources: tuple[str, ...] = (),
    observes: Callable[..., dict[str, Any]] | None = None,
    through: tuple[str, ...] = (),
    measures: tuple[str, ...] = (),
) -> Callable[[Callable[Concatenate[Workspace, P], None]], Step[P]]:
    """Make a function a step that writes a `kind` of artifact.

    It is named after its module, and after itself where the module has another name. `resources` are files,
    relative to the project, whose content decides the result too. `observes` takes the store and the step's
    arguments and returns the state of whatever else the step reads (the version of a source, say) as JSON: it
    counts as configuration, so that a changed source is never answered from the cache. `through` names arguments
    that decide the result only through what `observes` returns (the moment a source is looked at, say).
    `measures` names the inputs whose metrics the step reads by `work.manifest`, beside their bytes.
    """
    if kind not in get_args(Kind):
        raise TypeError(f"unknown kind of artifact: {kind}")
    if through and not observes:
        raise TypeError("through names what observes covers: give observes")

    def make(function: Callable[Concatenate[Workspace, P], None]) -> Step[P]:
        named = signature(function).parameters.keys()
        if "observed" in named:
            raise TypeError(f"{function.__name__}: the fingerprint keeps the name observed for what observes returns")
        if missing := {*through, *measures} - named:
            raise TypeError(f"{function.__name__} takes no argument {', '.join(sorted(missing))}")
        if function.__closure__:
            raise TypeError(f"{function.__name__} takes values from around it that no fingerprint covers")
        return Step(function, kind, resources, observes, through, measures)

    return make
