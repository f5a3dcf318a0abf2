"""Candidates where they are: what is known of each before it is loaded, and its files."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.artifacts.document import ALIASES, Document
from include.artifacts.ref import ArtifactRef, references_in, split_prefix
from include.artifacts.store import MANIFEST, ArtifactStore
from include.core.connections import connection
from include.core.errors import ConfigurationError, ServerUnavailableError, SourceError
from include.training.config import Candidate, FolderCandidate, HubCandidate, PackageCandidate, StoreCandidate
from include.training.model_files import Facts, context_of, read_folder, refused_config, refused_files

if TYPE_CHECKING:
    from huggingface_hub import HfApi

TRANSIENT = (408, 429, 500, 502, 503, 504)
FOLDABLE = ("", "lora", "weights")
# what a model needs beside its weights; never code, never a pickle
HUB_FILES = ("*.safetensors", "*.json", "*.jinja", "*.txt", "tokenizer.model")


def observed(store: ArtifactStore, candidate: Candidate) -> dict[str, Any]:
    """What a candidate is now: a folder may change under one name, and so may a champion; the rest is pinned."""
    if isinstance(candidate, FolderCandidate):
        folder = Path(candidate.folder).expanduser()
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {str(p.relative_to(folder)): [p.stat().st_size, p.stat().st_mtime_ns] for p in files}
    if isinstance(candidate, StoreCandidate):
        model, adapter = stored(store, candidate)
        return {"model": model.digest} | ({"adapter": adapter.digest} if adapter else {})
    return {}


def facts(store: ArtifactStore, candidate: Candidate, scratch: Path) -> Facts:
    """What can be known of a candidate without loading it.

    SourceError where there is no such model, ModelError where it cannot be read, ServerUnavailableError where the hub
    does not answer.
    """
    if isinstance(candidate, PackageCandidate):
        return Facts(candidate.name, candidate.license, candidate.parameters, candidate.context)
    if isinstance(candidate, FolderCandidate):
        return Facts(candidate.name, candidate.license, *read_folder(local_folder(candidate)))
    if isinstance(candidate, StoreCandidate):
        return _stored_facts(store, candidate)
    return _hub_facts(candidate, scratch)


def local_folder(candidate: FolderCandidate) -> Path:
    """The folder of a candidate; SourceError where there is none."""
    folder = Path(candidate.folder).expanduser()
    if not folder.is_dir():
        raise SourceError(
            "training.candidates.*.folder", candidate.folder, "there is no such folder", "Correct the path"
        )
    return folder


def stored(store: ArtifactStore, candidate: StoreCandidate) -> tuple[ArtifactRef, ArtifactRef | None]:
    """The model that a candidate is, and what customized it; SourceError where there is none."""
    if candidate.champion_of:
        return _champion(store, candidate.champion_of)
    step, _, fingerprint = candidate.artifact.partition("/")
    start = f"{step.replace('.', '/')}/{fingerprint}"
    keys = [key for key in store.bucket.keys(start) if key.endswith(f"/{MANIFEST}")]
    found = {parts[1] for key in keys if (parts := split_prefix(key)) and parts[0] == step}
    manifest = store.find(step, found.pop()) if len(found) == 1 else None
    if manifest is None or manifest.kind != "model":
        problem = "several artifacts begin so" if len(found) > 1 else "the store has no such model"
        raise SourceError(
            "training.candidates.*.artifact", candidate.artifact, problem, "Take it from genai lineage or a report"
        )
    return manifest.ref, None


def _champion(store: ArtifactStore, use_case: str) -> tuple[ArtifactRef, ArtifactRef | None]:
    value, _ = Document(store.bucket, f"{ALIASES}{use_case}/champion.json").read()
    champion = (value or {}).get("champion") or value
    packages = list(references_in(champion.get("package"))) if isinstance(champion, dict) else []
    inputs = store.manifest(packages[0]).inputs if packages else {}
    model, adapter = inputs.get("model"), inputs.get("adapter")
    if not isinstance(model, ArtifactRef):
        raise SourceError(
            "training.candidates.*.champion_of", use_case, "it has no champion", "Name a use case that is in service"
        )
    return model, adapter if isinstance(adapter, ArtifactRef) else None


def _stored_facts(store: ArtifactStore, candidate: StoreCandidate) -> Facts:
    model, adapter = stored(store, candidate)
    info = json.loads(store.read(model, "model_info.json"))
    form = json.loads(store.read(adapter, "adapter_info.json")).get("form", "") if adapter else ""
    refused = "" if form in FOLDABLE else f"its {form} cannot be folded into its weights"
    config = json.loads(store.read(model, "config.json"))
    name = f"{info['name']} of {candidate.champion_of}" if adapter else str(info["name"])
    return Facts(name, str(info["license"]), int(info["parameters"]), context_of(config), refused)


def _hub_facts(candidate: HubCandidate, scratch: Path) -> Facts:
    from huggingface_hub.errors import NotASafetensorsRepoError, SafetensorsParsingError

    with _hub(candidate) as api:
        found = api.model_info(candidate.repository, revision=candidate.revision)
        refused = refused_files(file.rfilename for file in found.siblings or [])
        path = api.hf_hub_download(
            candidate.repository, "config.json", revision=candidate.revision, cache_dir=scratch / "hub"
        )
        config = json.loads(Path(path).read_text(encoding="utf-8"))
        refused = refused or refused_config(config)
        count = None
        if not refused:
            try:
                metadata = api.get_safetensors_metadata(candidate.repository, revision=candidate.revision)
                count = sum(metadata.parameter_count.values())
            except (NotASafetensorsRepoError, SafetensorsParsingError) as error:
                refused = f"its safetensors cannot be read ({type(error).__name__})"
    told = str(getattr(found.card_data, "license", None) or "")
    if told and told.casefold() != candidate.license.casefold():
        refused = refused or f"the use case says its licence is {candidate.license}, and the hub {told}"
    return Facts(candidate.name, candidate.license, count, context_of(config), refused)


def download_from_hub(candidate: HubCandidate, scratch: Path) -> Path:
    """The files of a candidate at its commit: weights as safetensors, configuration and tokenizer, nothing else."""
    with _hub(candidate) as api:
        return Path(
            api.snapshot_download(
                candidate.repository,
                revision=candidate.revision,
                allow_patterns=list(HUB_FILES),
                cache_dir=scratch / "hub",
            )
        )


@contextmanager
def _hub(candidate: HubCandidate) -> "Iterator[HfApi]":
    """The hub; what is wrong with it as an error of this project."""
    import httpx
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    field = "training.candidates.*.repository"
    if constants.HF_HUB_OFFLINE:
        raise ConfigurationError(
            field,
            candidate.repository,
            "HF_HUB_OFFLINE is set, so that no hub is asked",
            "Set it to 0 (the local stack: GENAI_READ_HUB=true), or save the model to a folder",
        )
    token = connection(candidate.connection).password.get_secret_value() if candidate.connection else False
    try:
        yield HfApi(token=token)
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        if status in (0, *TRANSIENT):
            raise _unavailable(field, candidate, f"status {status}") from None
        raise SourceError(
            field,
            candidate.repository,
            f"the hub refuses it: status {status}",
            "Correct the name or commit, or name a connection whose password is a token that may read it",
        ) from None
    except (httpx.HTTPError, ConnectionError, TimeoutError, LocalEntryNotFoundError) as error:
        raise _unavailable(field, candidate, type(error).__name__) from None


def _unavailable(field: str, candidate: HubCandidate, problem: str) -> ServerUnavailableError:
    told = f"the hub does not answer: {problem}"
    return ServerUnavailableError(field, candidate.repository, told, "Try again, or save the model to a folder")
