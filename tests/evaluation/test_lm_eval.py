"""Tasks of lm-eval from local files: what they measure of a model as it is, and what of them is refused."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError
from include.core.settings import settings
from include.evaluation.config import EvaluationConfig, LmEvalConfig
from include.evaluation.evaluate import evaluate
from include.evaluation.harness import run_tasks
from include.evaluation.model import LoadedModel, load_model
from include.evaluation.prompt import prompt_of
from include.evaluation.task_files import BUILT_IN, read_tasks
from tests.tiny_model import TEXTS, build_adapter, build_model, tiny_dataset, tiny_model

ROWS = [
    {"question": f"{TEXTS[0]} {i}", "choices": [TEXTS[1], TEXTS[2], "None", f"[{i}]"], "answer": i % 4}
    for i in range(12)
]
TASK = """
task: choice
dataset_path: json
dataset_kwargs: {data_files: {test: choice.jsonl}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{question}}"
doc_to_choice: choices
doc_to_target: answer
metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]
"""

Write = Callable[..., EvaluationConfig]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """A folder of tasks beside the use cases, and the configuration that names it."""
    monkeypatch.setenv("GENAI_USE_CASES_FOLDER", str(tmp_path / "use_cases"))
    settings.cache_clear()

    def written(task: str = TASK, **changes: Any) -> EvaluationConfig:
        folder = tmp_path / "use_cases" / "own" / "tasks"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "choice.yaml").write_text(task)
        (folder / "choice.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in ROWS))
        lm_eval = {"tasks": ["choice"], "tasks_folder": "own/tasks"} | changes
        return EvaluationConfig(questions=6, answers=2, max_new_tokens=4, waits=1, lm_eval=LmEvalConfig(**lm_eval))

    yield written
    settings.cache_clear()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    build_model(folder)
    return folder


def accuracy(loaded: LoadedModel) -> float:
    """As lm-eval defines it, in the model's chat template, computed here."""
    import torch

    right = 0
    for row in ROWS:
        prompt = prompt_of(loaded, row["question"], 400, 64)
        sums = []
        for choice in row["choices"]:
            ids = loaded.tokenizer(choice, add_special_tokens=False)["input_ids"]
            with torch.inference_mode():
                logits = loaded.model(input_ids=torch.tensor([prompt + ids])).logits[0, -len(ids) - 1 : -1]
            sums.append(float(logits[:, : loaded.vocabulary].log_softmax(-1)[range(len(ids)), ids].sum()))
        right += sums.index(max(sums)) == row["answer"]
    return right / len(ROWS)


@pytest.mark.parametrize("technique", ["", "prompt_tuning", "prefix_tuning", "examples"])
def test_a_task_measures_the_model_with_all_that_goes_before_a_question(
    base: Path, tmp_path: Path, write: Write, technique: str
) -> None:
    adapter = tmp_path / "adapter"
    if technique == "examples":
        adapter.mkdir()
        (adapter / "adapter_info.json").write_text(json.dumps({"form": "examples"}))
        (adapter / "examples.json").write_text(json.dumps([{"question": TEXTS[0], "answer": TEXTS[1]}]))
    elif technique:
        build_adapter(adapter, base, technique)
    loaded = load_model(base, adapter if technique else None, 1)

    found = run_tasks(loaded, write(), tmp_path)

    assert [(one.name, one.questions) for one in found] == [("lm_eval.choice.acc", 12)]
    assert found[0].value == pytest.approx(accuracy(loaded))
    assert found[0].low is not None and 0 <= found[0].low < found[0].value + 1e-9 < found[0].high <= 1


def test_an_evaluation_has_the_task_and_runs_again_where_its_file_changes(store: ArtifactStore, write: Write) -> None:
    arguments = {"model": tiny_model(store, seed=0), "dataset": tiny_dataset(store, rows=9)}
    config = write(tasks=["choice", "python_basics"], limit=8)
    first = evaluate.run(store, arguments | {"config": config})

    low, high = first.metrics["intervals"]["lm_eval.python_basics.acc_norm"]
    assert low <= first.metrics["lm_eval.python_basics.acc_norm"] <= high
    assert "lm-eval, acc of the task choice" in store.read(first.ref, "report.html").decode()
    assert evaluate.run(store, arguments | {"config": config}).reused
    changed = write(TASK + "num_fewshot: 0\n", tasks=["choice", "python_basics"], limit=8)
    assert changed == config and not evaluate.run(store, arguments | {"config": changed}).reused


@pytest.mark.parametrize(
    ("task", "said"),
    [
        (TASK + "process_docs: !function evil.run\n", "it runs Python: !function evil.run"),
        (TASK + "class: !function evil.Task\n", "it runs Python"),
        (TASK + "use_prompt: promptsource:all\n", "use_prompt may run code"),
        (TASK + "unsafe_code: true\n", "unsafe_code may run code"),
        (TASK.replace("metric: acc", "metric: ./evil.py"), "metric ./evil.py is none of"),
        (TASK.replace("metric: acc", "metric: acc, hf_evaluate: true"), "metric acc is none of"),
        (TASK.replace("dataset_path: json", "dataset_path: acme/questions"), "no data are downloaded"),
        (TASK.replace("{data_files: {", "{trust_remote_code: true, data_files: {"), "trust_remote_code is none of"),
        (TASK.replace("choice.jsonl", "/etc/passwd"), "no such file below the folder"),
        (TASK.replace("choice.jsonl", "../../../secret.jsonl"), "no such file below the folder"),
        (TASK.replace("choice.jsonl", "https://example.com/a.jsonl"), "no such file below the folder"),
        (TASK + "include: ../other.yaml\n", "no such file below the folder"),
        (TASK + "include: choice.yaml\n", "it includes itself"),
        (TASK.replace("task: choice", "task: other"), "there is no such task"),
        (TASK + "  - nonsense: [\n", "it cannot be read"),
        (TASK + "description: &all [*all]\nmetadata: {a: !function evil.run}\n", "it runs Python: !function evil.run"),
        (TASK + "metric_list: [acc]\n", "metric_list is no list of mappings"),
        (TASK + "metric_list: [{metric: [acc]}]\n", "is none of"),
        (TASK + "dataset_kwargs: [data_files]\n", "dataset_kwargs is no mapping"),
    ],
)
def test_what_of_a_task_would_do_harm_is_refused(write: Write, task: str, said: str) -> None:
    config = write(task)
    (settings().use_cases_folder.parent / "secret.jsonl").write_text("{}")
    with pytest.raises(ConfigurationError, match=said):
        read_tasks(config.lm_eval)


def test_a_template_reaches_its_question_and_nothing_else(base: Path, tmp_path: Path, write: Write) -> None:
    reaching = TASK.replace("{{question}}", "{{question.__class__.__mro__[1].__subclasses__()}}")
    with pytest.raises(ConfigurationError, match=r"tasks = 'choice': lm-eval cannot run it \(SecurityError"):
        run_tasks(load_model(base, None, 1), write(reaching), tmp_path)


GENERATED = """
task: generated
dataset_path: json
dataset_kwargs: {data_files: {test: choice.jsonl}}
test_split: test
output_type: generate_until
generation_kwargs: {max_gen_toks: 32, until: []}
doc_to_text: "{{question}}"
doc_to_target: "{{question}}"
"""
NEVER = "'(?s)(.|[^~])*(?<=never)'"


@pytest.mark.parametrize(
    "rest",
    [
        "metric_list: [{metric: exact_match}]\n"
        f"filter_list: [{{name: own, filter: [{{function: regex, regex_pattern: {NEVER}}}]}}]\n",
        f"metric_list: [{{metric: exact_match, regexes_to_ignore: [{NEVER}]}}]\n",
    ],
    ids=["filter", "metric"],
)
def test_an_expression_without_end_stops_and_names_its_task(
    base: Path, tmp_path: Path, write: Write, rest: str
) -> None:
    config = write(GENERATED + rest, tasks=["generated"], limit=1)
    with pytest.raises(ConfigurationError, match=r"tasks = 'generated': lm-eval cannot run it \(TimeoutError"):
        run_tasks(load_model(base, None, 1), config, tmp_path)


def test_code_of_a_task_runs_where_the_use_case_allows_it(base: Path, tmp_path: Path, write: Write) -> None:
    config = write(TASK.replace('"{{question}}"', "!function asking.text"), allow_code=True)
    folder = settings().use_cases_folder / "own" / "tasks"
    (folder / "asking.py").write_text("def text(doc):\n    return doc['question']\n")
    loaded = load_model(base, None, 1)
    assert run_tasks(loaded, config, tmp_path)[0].value == pytest.approx(accuracy(loaded))


def test_a_folder_elsewhere_is_refused(write: Write, tmp_path: Path) -> None:
    write()
    for wrong in ("../outside", "/etc", "a//b", ".hidden"):
        with pytest.raises(ValueError, match="should match pattern"):
            LmEvalConfig(tasks_folder=wrong)
    (tmp_path / "outside").mkdir()
    (settings().use_cases_folder / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(ConfigurationError, match="it leads elsewhere"):
        read_tasks(LmEvalConfig(tasks=("any",), tasks_folder="link"))
    with pytest.raises(ConfigurationError, match="no such folder"):
        read_tasks(LmEvalConfig(tasks=("any",), tasks_folder="missing"))


def test_the_tasks_of_this_project_are_whole() -> None:
    for path in sorted(BUILT_IN.glob("*.jsonl")):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        assert len({row["question"] for row in rows}) == len(rows) >= 16
        assert all(len(set(row["choices"])) == 4 and 0 <= row["answer"] < 4 for row in rows)
    names = [path.stem for path in sorted(BUILT_IN.glob("*.yaml"))]
    assert [task["task"] for task in read_tasks(LmEvalConfig(tasks=tuple(names)))] == names
