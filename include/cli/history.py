"""`genai history`: the runs of a use case by the moment they look at, what each ran and what it reused."""

import argparse
import json
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table

from include.artifacts.history import History, RunRecord, sortable
from include.cli.follow import WORKFLOW
from include.cli.status import duration
from include.cli.store import open_store
from include.core.errors import ConfigurationError

OK = 0
DATASET, GATE, DEPLOY = "data_preparation.check", "customization.gate", "inferencing.deploy"


@dataclass(frozen=True)
class RunLine:
    """One run. `seconds` is what making the artifacts took that it did not reuse."""

    as_of: str
    run_id: str
    ran: tuple[str, ...]
    reused: int
    seconds: float
    dataset: str
    verdict: str
    champion: str


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `genai history`."""
    words = "the runs of a use case by the moment they look at: what ran, what was reused, verdict, champion"
    sub = commands.add_parser("history", help=words, description=words)
    sub.add_argument("use_case", metavar="USE_CASE")
    sub.add_argument("--last", type=positive, default=0, metavar="N", help="only the N latest moments")
    sub.add_argument("--json", action="store_true", help="as JSON")
    sub.set_defaults(command=run)


def positive(text: str) -> int:
    """A number of 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number of 1 or more")
    return int(text)


def run(parsed: argparse.Namespace) -> int:
    """Print the runs."""
    records = list(History(open_store().bucket).records(parsed.use_case))
    if not records:
        raise ConfigurationError("use case", parsed.use_case, "it has not run", f"Start `genai run {parsed.use_case}`")
    lines = run_lines(records)[-parsed.last :]
    shown = {line.run_id for line in lines}
    tasks = totals([record for record in records if record.place.run_id in shown])
    if parsed.json:
        print(json.dumps({"runs": [asdict(line) for line in lines], "tasks": tasks}, indent=1))
    else:
        print_history(Console(), lines, tasks)
    return OK


def run_lines(records: list[RunRecord]) -> list[RunLine]:
    """A line a run, in the order of the moments they look at."""
    by_run: dict[str, list[RunRecord]] = defaultdict(list)
    for record in records:
        by_run[record.place.run_id].append(record)
    lines = [_line(run_id, mine) for run_id, mine in by_run.items()]
    return sorted(lines, key=lambda line: (sortable(line.as_of), line.run_id))


def _line(run_id: str, records: list[RunRecord]) -> RunLine:
    by_task = {record.place.task: record for record in records}
    # deploying is an action and looks at the world each time
    ran = [record for record in records if not record.reused and record.place.task != DEPLOY]
    dataset, gate, deploy = by_task.get(DATASET), by_task.get(GATE), by_task.get(DEPLOY)
    return RunLine(
        as_of=records[0].place.as_of,
        run_id=run_id,
        ran=tuple(sorted({record.place.task for record in ran}, key=in_order)),
        reused=sum(record.reused for record in records),
        seconds=round(sum(record.seconds for record in ran), 1),
        dataset=dataset.ref.digest[:12] if dataset else "",
        verdict="" if gate is None else "passed" if gate.metrics.get("passed") else "not passed",
        champion=_champion(deploy),
    )


def _champion(deploy: RunRecord | None) -> str:
    if deploy is None:
        return ""
    return str(deploy.metrics["model"]) if deploy.metrics.get("deployed", True) else "left as it was"


def totals(records: list[RunRecord]) -> dict[str, dict[str, int]]:
    """Task -> how often it ran and was reused, mapped instances counted each, in the workflow's order."""
    ran = Counter(record.place.task for record in records if not record.reused)
    reused = Counter(record.place.task for record in records if record.reused)
    return {task: {"ran": ran[task], "reused": reused[task]} for task in sorted(ran | reused, key=in_order)}


def in_order(task: str) -> tuple[int, str]:
    """A sort key: the workflow's groups in their order."""
    group = task.partition(".")[0]
    return (WORKFLOW.index(group) if group in WORKFLOW else len(WORKFLOW), task)


def print_history(console: Console, lines: list[RunLine], tasks: dict[str, dict[str, int]]) -> None:
    """The runs, then the sums by task."""
    table = Table("as of", "ran", "reused", "work", "dataset", "verdict", "champion", box=None, pad_edge=False)
    for line in lines:
        what = f"{len(line.ran)}: {line.ran[0]} .. {line.ran[-1]}" if len(line.ran) > 1 else ", ".join(line.ran) or "-"
        work = duration(line.seconds) if line.ran else ""
        row = (what, str(line.reused), work, line.dataset, line.verdict, line.champion)
        table.add_row(line.as_of[:16].replace("T", " "), *row)
    console.print(table)
    sums = Table("task", "ran", "reused", box=None, pad_edge=False)
    for task, counts in tasks.items():
        sums.add_row(task, str(counts["ran"]), str(counts["reused"]))
    console.print(sums)
    console.print(f"{len(lines)} runs", highlight=False)
