"""`genai plan`: what a run would do, why, and what it would take, before it starts."""

import json
import sys
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from include.cli.run import LOG_WIDTH, OK, parse_overrides
from include.cli.status import duration
from include.core.settings import settings
from include.local.stack import Stack

LEAST_SHOWN = 0.0001
HEADERS = ("task", "plan", "time", "cost", "why")
STYLES = {"runs": "green", "may run": "yellow", "fails": "red", "asks": "yellow", "reused": "dim", "not reached": "dim"}
Row = tuple[str, str, str, str, str]


def plan_use_case(use_case: str, overrides: list[str], *, force: bool, as_of: str, as_json: bool) -> int:
    """Ask Airflow's API server for the plan and print it; the exit code."""
    from include.use_cases import load_use_case

    changes = parse_overrides(overrides)
    load_use_case(use_case, changes)
    # with --json, standard output holds the plan and nothing else
    stack = Stack(settings(), lambda line: print(line, file=sys.stderr, flush=True))
    stack.up()
    with stack.api() as api:
        plan = api.plan(use_case, {"overrides": changes, "force_rerun": force, "as_of": as_of})
    if as_json:
        print(json.dumps(plan, indent=1, ensure_ascii=False))
    else:
        print_plan(plan, Console() if sys.stdout.isatty() else Console(width=LOG_WIDTH))
    return OK


def print_plan(plan: dict[str, Any], console: Console) -> None:
    """The table and the sums below it."""
    table = Table(*HEADERS)
    for name, state, *others in plan_rows(plan):
        table.add_row(*[escape(name), f"[{STYLES.get(state, 'default')}]{state}", *map(escape, others)])
    console.print(table)
    for line in plan_sums(plan):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def plan_rows(plan: dict[str, Any]) -> list[Row]:
    """A row a task: its name, state, time and cost if it runs, and why."""
    found = []
    for task in plan["tasks"]:
        amount = plan["work"].get(task["task"])
        time, cost = _amount(amount, plan["currency"]) if amount else ("", "")
        found.append((_name(task), task["state"], time, cost, task["reason"]))
    return found


def _name(task: dict[str, Any]) -> str:
    indexes = [instance["index"] for instance in task["instances"]]
    if indexes == [-1]:
        return str(task["task"])
    number = "?" if indexes == [-2] else len(indexes)
    return f"{task['task']} ({number} task{'s' if number != 1 else ''})"


def plan_sums(plan: dict[str, Any]) -> list[str]:
    """What is certain, what it may come to, and what these estimates are."""
    currency, price = plan["currency"], plan["device_hour_price"]
    told = [f"{plan['use_case']} as of {plan['as_of']}{', forced' if plan['forced'] else ''}"]
    for words, key in (("runs for certain", "certain"), ("if all that may run does", "most")):
        amount = plan[key]
        told.append(f"{words}: {', '.join(_amount(amount, currency))}")
    told.append(
        "Time is what making each artifact took in the run before, added up over all tasks; cost is that time on the "
        f"task's devices at {price:g} {currency} a device hour (strategy.training)."
    )
    return told


def money(amount: float, currency: str) -> str:
    """An amount for people: 0.0012 EUR, 3.50 EUR."""
    if 0 < amount < LEAST_SHOWN:
        return f"under {LEAST_SHOWN} {currency}"
    return f"{amount:.2f} {currency}" if amount >= 0.1 or not amount else f"{amount:.2g} {currency}"


def _amount(amount: dict[str, Any], currency: str) -> tuple[str, str]:
    """Time and cost; the time of a task that never ran is not known."""
    if amount["at_least"] and not amount["seconds"]:
        return "unknown", "unknown"
    least = "at least " if amount["at_least"] else ""
    return least + duration(amount["seconds"]), least + money(amount["cost"], currency)
