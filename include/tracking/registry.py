"""Champions as versions of a registered model: one model a use case, the alias `champion` on what serves."""

from collections.abc import Iterator, Mapping

from include.artifacts.history import History
from include.artifacts.store import ArtifactStore
from include.inferencing import champion
from include.inferencing.champion import Alias, Serving
from include.inferencing.deployments import TASK
from include.tracking.server import ABSENT, Found, Refused, TrackingServer

CHAMPION, PREVIOUS, NAME = "champion", "previous", "genai.model"


def copy_champions(store: ArtifactStore, server: TrackingServer, use_case: str, runs: Mapping[str, Found]) -> int:
    """Register each package that serves or served, and point the aliases; how many versions are new.

    `runs` are the use case's in MLflow, by key.
    """
    alias = champion.read_alias(store.bucket, use_case)[0]
    served = list(_served(alias))
    if not served:
        return 0
    aliases = _model(server, use_case)
    versions = _versions(server, use_case)
    missing = [one for one in served if one.model_name not in versions]
    deployed = _deployed(store, use_case) if missing else {}
    for one in missing:
        run = runs.get(f"{use_case}/{deployed.get(one.model_name, '')}")
        versions[one.model_name] = _register(store, server, use_case, one, run)
    for name, serves in ((CHAMPION, alias.champion), (PREVIOUS, alias.champion and alias.champion.previous)):
        _point(server, use_case, name, aliases.get(name), versions[serves.model_name] if serves else None)
    return len(missing)


def _model(server: TrackingServer, use_case: str) -> dict[str, str]:
    """Alias -> version of the use case's registered model, which is made where there is none."""
    try:
        found = server.get("registered-models/get", name=use_case)["registered_model"]
    except Refused as refused:
        if refused.code != ABSENT:
            raise
        server.post("registered-models/create", name=use_case, description="Champions, copied from the artifact store.")
        return {}
    return {one["alias"]: str(one["version"]) for one in found.get("aliases", [])}


def _served(alias: Alias) -> Iterator[Serving]:
    """Champions, the earliest first, each once."""
    now = alias.champion
    found = [*alias.earlier, *([now.previous] if now and now.previous else []), *([now] if now else [])]
    yield from {one.model_name: one for one in found}.values()


def _versions(server: TrackingServer, use_case: str) -> dict[str, str]:
    """Name on Triton -> version."""
    found: dict[str, str] = {}
    for version in sorted(server.versions(use_case), key=lambda one: int(one["version"])):
        tags = {tag["key"]: tag["value"] for tag in version.get("tags", [])}
        if NAME in tags:
            found.setdefault(tags[NAME], str(version["version"]))
    return found


def _deployed(store: ArtifactStore, use_case: str) -> dict[str, str]:
    """Name on Triton -> the run that deployed it first."""
    found: dict[str, str] = {}
    for record in sorted(History(store.bucket).records(use_case, TASK), key=lambda record: record.at):
        if record.metrics.get("deployed", True):
            found.setdefault(champion.model_name(use_case, record.ref), record.place.run_id)
    return found


def _register(store: ArtifactStore, server: TrackingServer, use_case: str, one: Serving, run: Found | None) -> str:
    refs = {"package": one.package, "gate": one.gate, "card": one.card}
    tags = {NAME: one.model_name, "genai.digest": one.package.digest}
    tags |= {f"genai.{name}": str(ref) for name, ref in refs.items() if ref}
    made = server.post(
        "model-versions/create",
        name=use_case,
        source=f"s3://{store.bucket.address.bucket}/{one.package.prefix}",
        description=f"On Triton as {one.model_name}",
        tags=[{"key": key, "value": value} for key, value in tags.items()],
        **({"run_id": run["info"]["run_id"]} if run else {}),
    )
    return str(made["model_version"]["version"])


def _point(server: TrackingServer, use_case: str, alias: str, there: str | None, wanted: str | None) -> None:
    """Move an alias, also back where somebody has moved it in MLflow."""
    if wanted and wanted != there:
        server.post("registered-models/alias", name=use_case, alias=alias, version=wanted)
    elif not wanted and there:
        server.delete("registered-models/alias", name=use_case, alias=alias)
