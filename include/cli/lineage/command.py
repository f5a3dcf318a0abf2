"""`genai lineage`: from an answer back to its records, and from a record forward to what serves."""

import argparse
import json
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from include.core.errors import ConfigurationError

if TYPE_CHECKING:
    from include.artifacts.store import ArtifactStore
    from include.cli.lineage.view import View

QUIET_SECONDS = 2.0
WORDS = "show what an answer's model was made of, or, with --forward, what came of an artifact or a record"
REF = """what to start from: STEP/FINGERPRINT (its first 6 characters or more), a use case (its champion), a model's
name on Triton (an answer carries it), or a record's id such as ticket:T00012, which is always followed forward"""


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `genai lineage`."""
    sub = commands.add_parser("lineage", help=WORDS, description=WORDS)
    sub.add_argument("ref", metavar="REF", help=REF)
    sub.add_argument("--forward", action="store_true", help="what was made of it, up to the deployments")
    sub.add_argument("--records", action="store_true", help="list the id of every record that was trained on")
    sub.add_argument("--format", choices=("tree", "json", "svg"), default="tree", help="default: %(default)s")
    sub.add_argument("--output", metavar="FILE", type=Path, help="write there instead of to the terminal")
    sub.set_defaults(command=show)


def hint(ref: str) -> str:
    """The command that shows the lineage of `ref`."""
    return shlex.join([str(Path(sys.executable).parent / "genai"), "lineage", ref])


def show(parsed: argparse.Namespace) -> int:
    """Print the lineage, or write it to a file."""
    from include.cli.lineage.svg import svg
    from include.cli.lineage.tree import tree
    from include.cli.store import open_store

    view = answer(open_store(), parsed.ref, forward=parsed.forward, records=parsed.records)
    forms: dict[str, Callable[[View], str]] = {"tree": tree, "json": as_json, "svg": svg}
    text = forms[parsed.format](view)
    if parsed.output is None:
        sys.stdout.write(text)
        return 0
    try:
        parsed.output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            "--output", str(parsed.output), str(error.strerror), "Name a file in a folder that is there"
        ) from None
    return 0


def answer(store: "ArtifactStore", ref: str, *, forward: bool = False, records: bool = False) -> "View":
    """The lineage of what `ref` names; ConfigurationError where it names nothing, or several artifacts."""
    from include.artifacts.lineage import Graph
    from include.cli.lineage.answers import ahead, behind
    from include.cli.lineage.record import ahead_of_record
    from include.cli.lineage.ref import resolve
    from include.data_preparation.membership import find_record
    from include.data_preparation.sources.document_ids import hidden_id
    from include.inferencing.deployments import deployments

    graph = Graph.read(store)
    served, damaged = deployments(store)
    target = resolve(ref, graph, served)
    if target.node is None:
        datasets = [node.manifest for node in graph.of_kind("dataset") if node.manifest]
        search = find_record(store.bucket, datasets, target.record, _progress())
        if (hidden := hidden_id(target.record)) != target.record:
            search.found |= find_record(store.bucket, datasets, hidden, _progress()).found
        view = ahead_of_record(store, graph, target.record, search, served)
    elif forward:
        view = ahead(store, graph, target.node, served)
    else:
        view = behind(store, graph, target.node, target.deployment, ids=records)
    view.notes += [f"the champion alias of {use_case} cannot be read" for use_case in damaged]
    return view


def as_json(view: "View") -> str:
    """Everything that is known, one record's id a line."""
    shown = {
        "root": view.root,
        "direction": view.direction,
        "nodes": [asdict(item) for item in view.items.values()],
        "edges": [asdict(link) for link in view.links],
        "records": view.records,
        "notes": view.notes,
    }
    return json.dumps(shown, indent=1, ensure_ascii=False) + "\n"


def _progress() -> Callable[[int, int], None]:
    """Tells on standard error how far a search is, once it takes long."""
    begun = told = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - max(begun, told) > QUIET_SECONDS:
            told = time.monotonic()
            print(f"{done} of {total} tables read", file=sys.stderr, flush=True)

    return tell
