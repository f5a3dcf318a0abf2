"""What a reference on the command line names: an artifact, a deployment or a record."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import NamedTuple, NoReturn

from include.artifacts.lineage import Graph, Node
from include.core.errors import ConfigurationError
from include.inferencing.deployments import CHAMPION, Deployment

FEWEST, MOST_CANDIDATES = 6, 8
FORMS = "Give STEP/FINGERPRINT, a use case, a model's name on Triton, or a record's id such as ticket:T00012"


class Target(NamedTuple):
    """An artifact with the deployment it is of, if any; or a record."""

    node: Node | None = None
    deployment: Deployment | None = None
    record: str = ""


def resolve(ref: str, graph: Graph, deployments: Sequence[Deployment]) -> Target:
    """What `ref` names; ConfigurationError with candidates where that is nothing, or several."""
    if found := re.fullmatch(r"([\w.]+)/([0-9a-f]{1,64})", ref):
        return Target(_artifact(ref, found[1], found[2], graph))
    for one in deployments:
        if one.model_name == ref or (one.use_case == ref and one.state == CHAMPION):
            return Target(graph.node(one.package), one)
    ran = {node.manifest.run.use_case for node in graph.nodes.values() if node.manifest and node.manifest.run}
    if ref in ran:
        remedy = "Run its workflow to the end, or give STEP/FINGERPRINT of one of its artifacts"
        raise ConfigurationError("REF", ref, "the use case has no champion yet", remedy)
    if name := re.fullmatch(r".+-([0-9a-f]{12})", ref):
        same = [node for node in graph.of_kind("package") if node.ref.digest.startswith(name[1])]
        if same:
            return Target(max(same, key=_made_at))
    if ":" in ref:
        return Target(record=ref)
    _unknown(ref, _names(deployments))


def _artifact(ref: str, step: str, fingerprint: str, graph: Graph) -> Node:
    if len(fingerprint) < FEWEST:
        raise ConfigurationError("REF", ref, f"fewer than {FEWEST} characters of the fingerprint", "Give more of them")
    found = graph.starting(step, fingerprint)
    if len(found) == 1:
        return found[0]
    if found:
        names = [f"{node.ref.step}/{node.ref.fingerprint[:20]} of {_made_at(node)[:19] or 'old'}" for node in found]
        raise ConfigurationError("REF", ref, f"it begins {len(found)} artifacts", _candidates(names))
    of_step = sorted((node for node in graph.nodes.values() if node.ref.step == step), key=_made_at, reverse=True)
    steps = sorted({node.ref.step for node in graph.nodes.values()})
    _unknown(ref, [str(node.ref) for node in of_step] or get_close_matches(step, steps, cutoff=0.5) or steps)


def _unknown(ref: str, candidates: Iterable[str]) -> NoReturn:
    raise ConfigurationError("REF", ref, "the store knows nothing of this name", _candidates(candidates))


def _candidates(names: Iterable[str]) -> str:
    found = list(dict.fromkeys(names))
    more = f" and {len(found) - MOST_CANDIDATES} more" if len(found) > MOST_CANDIDATES else ""
    return f"{FORMS}; there are: {', '.join(found[:MOST_CANDIDATES])}{more}" if found else FORMS


def _names(deployments: Sequence[Deployment]) -> list[str]:
    return sorted({one.use_case for one in deployments}) + [one.model_name for one in deployments]


def _made_at(node: Node) -> str:
    return node.manifest.created_at if node.manifest else ""
