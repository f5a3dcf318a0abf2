"""The command line: its grammar, its exit codes, and how results read."""

import io
import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console

from include.cli.follow import WAITING, _Progress, ordered_groups, rows
from include.cli.main import BAD_INPUT, OK, main, parser
from include.cli.plan import plan_rows, plan_sums, print_plan
from include.cli.run import ask_hint, parse_overrides
from include.cli.status import duration
from include.cli.summary import key_figures, number, shared_figure
from include.cli.workflow_run import TaskState, WorkflowRun, await_parsed
from include.core.errors import ConfigurationError
from include.local.airflow_api import AirflowApi


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    text = capsys.readouterr().out
    assert end.value.code == 0
    assert all(word in text for word in ("up", "stop", "status", "run", "plan", "ask", "exit codes", "--set"))


@pytest.mark.parametrize("arguments", [[], ["dance"], ["run"], ["plan"], ["ask"]])
def test_a_wrong_command_line_exits_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parser().parse_args(arguments)
    assert end.value.code == BAD_INPUT


def test_overrides_are_yaml() -> None:
    found = parse_overrides(["customization.lora.rank=16", "a.b=[x, 1.5]", "c=true", "d=text=with=equals"])
    assert found == {"customization.lora.rank": 16, "a.b": ["x", 1.5], "c": True, "d": "text=with=equals"}


@pytest.mark.parametrize("pair", ["rank", "=16", "a=[1"])
def test_a_wrong_override_is_one_line(pair: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigurationError, match=r"--set"):
        parse_overrides([pair])
    for command in ("run", "plan"):
        assert main([command, "python_assistant", "--set", pair]) == BAD_INPUT
        assert capsys.readouterr().err.startswith("genai: --set = ")


def test_mapped_tasks_are_one_row() -> None:
    tasks = [
        TaskState("data_preparation.clean", 0, "success", 1.5, 1),
        TaskState("data_preparation.clean", 1, "running", 2.0, 2),
        TaskState("data_preparation.split", -1, "waiting", 0, 0),
    ]
    assert rows(tasks) == [
        TaskState("data_preparation.clean (1/2)", -1, "running", 3.5, 2),
        TaskState("data_preparation.split", -1, "waiting", 0, 0),
    ]


def test_groups_come_in_the_workflow_s_order() -> None:
    tasks = [TaskState(f"{group}.x", -1, "waiting", 0, 0) for group in ("notify", "training", "strategy")]
    assert ordered_groups(tasks) == ["strategy", "training", "notify"]


def test_the_first_three_scalars_are_the_key_figures() -> None:
    metrics = {"indicators": [{}], "documents": 12345, "nll": 2.34567, "passed": True, "more": 4}
    assert key_figures(metrics) == "documents 12,345, nll 2.346, passed yes"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.42, "0.4 s"), (59.4, "59 s"), (185, "3 min 5 s"), (7800, "2 h 10 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_long_values_are_cut() -> None:
    assert number("x" * 100) == "x" * 57 + "..."
    assert number(123456.789) == "123,456.8"


def test_mapped_tasks_show_the_figure_they_share() -> None:
    assert shared_figure([{"model": "a", "nll": 2.5}, {"nll": 3, "more": 1}]) == "nll 2.5 | 3"
    assert shared_figure([{"a": 1}, {"b": 2}]) == ""


def test_the_hint_asks_the_use_case_that_ran() -> None:
    assert ask_hint("python_assistant", Path("/a b/genai")).startswith("'/a b/genai' ask \"What")
    assert ask_hint("tickets", Path("/x/genai")) == '/x/genai ask --use-case tickets "..."'


class FreshAirflow:
    """Answers as an Airflow whose DAG appears on the third look, with an import error in `filename` from the first."""

    def __init__(self, filename: str) -> None:
        self.looks, self.filename = 0, filename

    def get(self, path: str, **query: object) -> Any:
        if path == "/importErrors":
            return {"import_errors": [{"filename": self.filename, "stack_trace": "ValueError: broken"}]}
        self.looks += 1
        shown = {"is_stale": False, "last_parsed_time": "2100-01-01T00:00:00Z", "relative_fileloc": "genai_workflow.py"}
        return shown if self.looks > 2 else None


def test_another_use_case_s_error_does_not_stop_a_valid_one() -> None:
    api = FreshAirflow("genai_use_case_errors.py")
    assert await_parsed(cast(AirflowApi, api), "python_assistant")["relative_fileloc"] == "genai_workflow.py"


def test_an_error_of_the_workflow_s_file_is_told_at_once() -> None:
    with pytest.raises(ConfigurationError, match="broken"):
        await_parsed(cast(AirflowApi, FreshAirflow("genai_workflow.py")), "python_assistant")


class BusyAirflow:
    """Answers as an Airflow that parses the file for somebody else, and drops what is asked for meanwhile."""

    def __init__(self) -> None:
        self.asked = 0

    def call(self, method: str, path: str) -> None:
        self.asked += (method, path) == ("PUT", "/parseDagFile/token")

    def get(self, path: str, **query: object) -> Any:
        if path == "/importErrors":
            return {"import_errors": []}
        year = "2100" if self.asked > 1 else "2000"
        return {"is_stale": False, "last_parsed_time": f"{year}-01-01T00:00:00Z", "file_token": "token"}


def test_a_file_is_parsed_anew_though_airflow_was_parsing_it_when_it_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.cli.workflow_run.ASK_AGAIN_SECONDS", 0.0)
    api = BusyAirflow()
    assert await_parsed(cast(AirflowApi, api), "python_assistant")["last_parsed_time"].startswith("2100")
    assert api.asked == 2


def instance(index: int, state: str, seconds: float | None) -> dict[str, Any]:
    return {"index": index, "state": state, "reason": "", "seconds": seconds}


PLAN: dict[str, Any] = {
    "use_case": "tickets",
    "as_of": "2026-11-23T03:00:00+00:00",
    "forced": False,
    "currency": "EUR",
    "device_hour_price": 0.05,
    "tasks": [
        {
            "task": "strategy.charter",
            "state": "reused",
            "reason": "same code",
            "instances": [instance(-1, "reused", 1)],
        },
        {
            "task": "customization.tune",
            "state": "runs",
            "reason": "1 of 2 runs: customization.lora.targets [a] -> [b]",
            "instances": [instance(0, "runs", 120), instance(1, "reused", 90)],
        },
        {"task": "a.b", "state": "may run", "reason": "depends on it", "instances": [instance(-2, "may run", None)]},
    ],
    "work": {
        "customization.tune": {"seconds": 120.0, "cost": 0.003333, "at_least": False},
        "a.b": {"seconds": 0.0, "cost": 0.0, "at_least": True},
    },
    "certain": {"seconds": 120.0, "cost": 0.003333, "at_least": False},
    "most": {"seconds": 120.0, "cost": 0.003333, "at_least": True},
}


def test_a_plan_is_a_row_a_task_and_two_sums(capsys: pytest.CaptureFixture[str]) -> None:
    assert plan_rows(PLAN) == [
        ("strategy.charter", "reused", "", "", "same code"),
        (
            "customization.tune (2 tasks)",
            "runs",
            "2 min 0 s",
            "0.0033 EUR",
            "1 of 2 runs: customization.lora.targets [a] -> [b]",
        ),
        ("a.b (? tasks)", "may run", "unknown", "unknown", "depends on it"),
    ]
    assert plan_sums(PLAN)[:3] == [
        "tickets as of 2026-11-23T03:00:00+00:00",
        "runs for certain: 2 min 0 s, 0.0033 EUR",
        "if all that may run does: at least 2 min 0 s, at least 0.0033 EUR",
    ]
    print_plan(PLAN, Console(width=160))
    assert "customization.lora.targets [a] -> [b]" in capsys.readouterr().out


def test_a_run_that_waits_for_a_person_says_where() -> None:
    text = io.StringIO()
    run = WorkflowRun(AirflowApi("http://airflow", "", ""), "letters", "r1", "")
    task = TaskState("strategy.approve", -1, WAITING, 3.0, 1)
    _Progress(run, Console(file=text, width=200)).show([task])

    where = run.task_url(task)
    assert text.getvalue() == f"strategy.approve: awaiting_input: a person has to answer at {where}\n"


def test_genai_plan_asks_the_stack(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[Any] = []

    class Api(nullcontext[Any]):
        def __enter__(self) -> Any:
            return self

        def plan(self, dag: str, options: dict[str, Any]) -> Any:
            asked.append((dag, options))
            return PLAN

    class Stack:
        def __init__(self, _: object, say: Any) -> None:
            self.say = say

        def up(self) -> None:
            self.say("stack: running")

        def api(self) -> Any:
            return Api()

    monkeypatch.setattr("include.cli.plan.Stack", Stack)
    line = ["plan", "python_assistant", "--set", "customization.lora.rank=16", "--force", "--as-of", "2026-01-01"]
    assert main([*line, "--json"]) == OK
    out, err = capsys.readouterr()
    assert json.loads(out) == PLAN and err == "stack: running\n"
    options = {"overrides": {"customization.lora.rank": 16}, "force_rerun": True, "as_of": "2026-01-01"}
    assert asked == [("python_assistant", options)]
    assert main(line) == OK
    assert "if all that may run does" in capsys.readouterr().out
    assert main(["plan", "no_such_use_case"]) == BAD_INPUT
