"""`genai review`: documents that wait for people's labels, out to a labelling tool and back."""

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from include.artifacts.history import now
from include.artifacts.store import ArtifactStore
from include.cli.store import open_store
from include.core.errors import ConfigurationError

OK = 0
IMPORTED = (
    "What a person said last of a document counts, whenever it is imported. Label Studio tells when that was; an "
    "answer in a .csv counts as given when it was exported, unless its column given_at tells. What the person has said "
    "since, on the page or in another file, stays."
)


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `genai review`."""
    words = "documents that wait for people's labels: export, import, status"
    top = commands.add_parser("review", help=words, description=words)
    actions = top.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, action, words in (
        ("export", export, "write what waits into a file: .json for Label Studio, .csv for anything else"),
        ("import", take_in, "keep the labels in a file: Label Studio's JSON export, or a filled-in .csv"),
        ("status", status, "what waits, what people have labelled, and how far they agree"),
    ):
        sub = actions.add_parser(name, help=words, description=words)
        sub.add_argument("use_case", metavar="USE_CASE")
        sub.set_defaults(command=action)
        if name == "status":
            sub.add_argument("--json", action="store_true", help="as JSON")
        else:
            sub.add_argument("file", metavar="FILE", type=Path)
        if name == "import":
            sub.description = f"{words}. {IMPORTED}"
            sub.add_argument(
                "--annotator",
                action="append",
                default=[],
                metavar="WHO=NAME",
                help="the name under which somebody signs in to Airflow, whom the file calls WHO: a number of Label "
                "Studio's, an e-mail address; for each of them. Or NAME alone: who labelled all of it",
            )


def export(parsed: argparse.Namespace) -> int:
    """Write the newest queue into a file, and for Label Studio its labelling configuration beside it."""
    from include.data_preparation.labelling.review_files import STUDIO, STUDIO_CONFIG, format_of, write_tasks
    from include.data_preparation.labelling.review_queue import newest_queue

    form = format_of(parsed.file)
    queue = newest_queue(open_store(), parsed.use_case)
    _write(parsed.file, write_tasks(queue.tasks, form, now()))
    print(f"{len(queue.tasks)} documents of run {queue.run_id} written to {parsed.file}")
    if form == STUDIO:
        config = parsed.file.with_suffix(".xml")
        _write(config, STUDIO_CONFIG)
        print(f"The labelling configuration of the Label Studio project is {config}")
    return OK


def take_in(parsed: argparse.Namespace) -> int:
    """Keep all labels of a file, or none where one of them is wrong."""
    from include.data_preparation.labelling.annotations import read, record
    from include.data_preparation.labelling.annotators import with_names
    from include.data_preparation.labelling.review_answers import read_answers, to_annotations
    from include.data_preparation.labelling.review_files import format_of

    form = format_of(parsed.file)
    try:
        content = parsed.file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError("review file", str(parsed.file), str(error), "Give a file in UTF-8") from None
    store = open_store()
    known = {one.annotator for one in read(store.bucket, parsed.use_case)}
    answers = with_names(read_answers(content, form), parsed.annotator, known)
    done = record(store.bucket, parsed.use_case, to_annotations(store, parsed.use_case, answers, form))
    since = f" {done.outdated} do not count: the same person has said something else since." if done.outdated else ""
    print(f"{len(answers)} labels read, {done.fresh} of them new.{since} The next run of {parsed.use_case} takes over.")
    return OK


def status(parsed: argparse.Namespace) -> int:
    """Print the queue, the annotators and their agreement."""
    told = review_status(open_store(), parsed.use_case)
    if parsed.json:
        print(json.dumps(told, indent=1, ensure_ascii=False))
        return OK
    console = Console()
    reasons = ", ".join(f"{count} {reason}" for reason, count in told["waiting"].items())
    console.print(f"waiting: {told['tasks']} documents ({reasons})", highlight=False)
    table = Table("annotator", "documents", box=None, pad_edge=False)
    for name, count in told["annotators"].items():
        table.add_row(escape(name), str(count))
    if table.row_count:
        console.print(table)
    for names in told["alike"]:
        console.print(f"{' and '.join(map(escape, names))} may be one person, and count as two", highlight=False)
    labels = Table("label", "agreement", box=None, pad_edge=False)
    for found in told["agreements"]:
        console.print(escape(found["words"]), highlight=False)
        for name, value in found["by_label"].items():
            labels.add_row(escape(name), "not defined" if value is None else f"{value:.3f}")
    if labels.row_count:
        console.print(labels)
    return OK


def review_status(store: ArtifactStore, use_case: str) -> dict[str, Any]:
    """What waits, who labelled how many documents, who may be whom, and the agreement in each taxonomy."""
    from include.data_preparation.labelling.agreement import Agreement, agreements
    from include.data_preparation.labelling.annotations import read, standing
    from include.data_preparation.labelling.annotators import looking_like
    from include.data_preparation.labelling.review_queue import newest_queue

    queue, annotations = newest_queue(store, use_case), read(store.bucket, use_case)
    people = Counter(one.annotator for one in standing(annotations))
    alike = {tuple(sorted([name, *others])) for name in people if (others := looking_like(name, people))}
    return {
        "run_id": queue.run_id,
        "tasks": len(queue.tasks),
        "waiting": dict(Counter(task.reason for task in queue.tasks).most_common()),
        "annotators": dict(people.most_common()),
        "alike": sorted(alike),
        "agreements": [one.model_dump() | {"words": one.words} for one in agreements(annotations) or [Agreement()]],
    }


def _write(path: Path, content: str) -> None:
    try:
        path.write_text(content, encoding="utf-8", newline="")
    except OSError as error:
        raise ConfigurationError("file", str(path), str(error), "Name a file that can be written") from None
