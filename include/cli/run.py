"""`genai run`: the stack is up, the use case is valid, its workflow runs, and its end is told."""

import shlex
import sys
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from include.cli.follow import follow
from include.cli.status import duration
from include.cli.summary import failures, print_indicators, print_steps, read_steps
from include.cli.workflow_run import WorkflowRun, find_or_start
from include.core.errors import ConfigurationError
from include.core.settings import settings
from include.local.credentials import ADMIN
from include.local.layout import python_folder
from include.local.stack import Stack

OK, FAILED, INTERRUPTED = 0, 1, 130
LOG_WIDTH = 160
SAMPLE = "python_assistant"


def run_use_case(use_case: str, overrides: list[str], *, force: bool) -> int:
    """Validate, start and follow a use case's workflow; the exit code."""
    from include.use_cases import load_use_case

    changes = parse_overrides(overrides)
    load_use_case(use_case, changes)
    console = Console() if sys.stdout.isatty() else Console(width=LOG_WIDTH)
    stack = Stack(settings(), lambda line: console.print(line, highlight=False, markup=False, soft_wrap=True))
    return run_workflow(stack, use_case, changes, force=force, console=console)


def parse_overrides(pairs: list[str]) -> dict[str, Any]:
    """`customization.lora.rank=16` as {"customization.lora.rank": 16}; values are YAML."""
    found = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise ConfigurationError("--set", pair, "it is not KEY=VALUE", "Write e.g. customization.lora.rank=16")
        try:
            found[key.strip()] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            problem = str(error).splitlines()[0]
            raise ConfigurationError("--set", pair, problem, "Write the value as YAML, e.g. 16 or [a, b]") from None
    return found


def run_workflow(stack: Stack, dag: str, overrides: dict[str, Any], *, force: bool, console: Console) -> int:
    """Bring the stack up, run the DAG and tell its end; Ctrl-C leaves the run going."""
    stack.up()
    with stack.api() as api:
        api.on_outage = stack.revive
        run = find_or_start(api, dag, overrides, force=force)
        console.print(f"{run.how}: {run.url}", highlight=False, soft_wrap=True)
        try:
            end = follow(run, console)
        except KeyboardInterrupt:
            console.print(f"the run goes on; `genai run {dag}` follows it, `genai stop` ends it with the stack")
            return INTERRUPTED
        _print_end(run, end, stack, console)
    return OK if end["state"] == "success" else FAILED


def ask_hint(use_case: str, genai: Path) -> str:
    """The command that asks a use case's model."""
    options = [] if use_case == SAMPLE else ["--use-case", use_case]
    question = '"What does textwrap.dedent do?"' if use_case == SAMPLE else '"..."'
    return f"{shlex.join([str(genai), 'ask', *options])} {question}"


def _print_end(run: WorkflowRun, end: dict[str, Any], stack: Stack, console: Console) -> None:
    tasks = run.tasks()
    lines = read_steps(run, tasks)
    print_steps(console, lines)
    print_indicators(console, lines)
    for task in failures(tasks):
        label = f"{task.task}[{task.map_index}]" if task.map_index >= 0 else task.task
        for line in (f"failed: {label}: {run.last_error(task)}", f"  {run.task_url(task)}"):
            console.print(line, style="red", highlight=False, markup=False, soft_wrap=True)
    say = [f"{end['state']} after {duration(float(end.get('duration') or 0))}"]
    say.append(f"web UI: {run.url}  user {ADMIN}, password {stack.credentials.airflow_password}")
    if end["state"] == "success":
        say.append(f"ask: {ask_hint(run.dag, python_folder() / 'genai')}")
    for line in say:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
