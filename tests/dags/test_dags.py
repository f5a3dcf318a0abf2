"""The DAG files: they parse quickly, import nothing heavy, and one wrong use case does not hide the others."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from include.artifacts.store import ArtifactStore
from include.core.settings import PROJECT_ROOT
from tests.plugins import airflow_home, sample_use_case

PARSE = """
import json, sys, time
from tests.plugins import airflow_home, sample_use_case, sample_workflow
if {stand_ins}:
    sys.modules.update(sample_workflow.modules())
from airflow.dag_processing.dagbag import DagBag
started = time.monotonic()
bag = DagBag(dag_folder="dags")
heavy = ["torch", "transformers", "deepspeed", "peft", "datasets", "presidio_analyzer", "spacy", "sdv", "pandas",
         "pyarrow", "openvino"]
print(json.dumps({{"dags": sorted(bag.dags), "errors": bag.import_errors, "seconds": time.monotonic() - started,
                  "heavy": [name for name in heavy if name in sys.modules]}}))
"""


def test_parsing_imports_nothing_heavy() -> None:
    line = [sys.executable, "-c", PARSE.format(stand_ins=True)]
    environment = os.environ | {"PYTHONPATH": str(PROJECT_ROOT)}
    done = subprocess.run(line, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True, env=environment)
    parsed = json.loads(done.stdout.splitlines()[-1])

    assert parsed["heavy"] == []
    assert parsed["dags"] == ["genai_store_sweep", "sample", "sample_operations"]
    assert parsed["seconds"] < 5


@pytest.mark.usefixtures("sample")
def test_a_broken_use_case_is_an_import_error_and_the_others_stay() -> None:
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=airflow_home.PROJECT_ROOT / "dags")

    assert sorted(bag.dags) == ["genai_store_sweep", "sample", "sample_operations"]
    (error,) = bag.import_errors.values()
    assert error.rstrip().endswith("use case broken: customization.lora.rnk = 8: unknown key. Did you mean rank?")


@pytest.mark.usefixtures("sample")
def test_a_task_s_process_reads_its_own_use_case_only() -> None:
    from airflow.sdk.definitions._internal.dag_parsing_context import _airflow_parsing_context_manager
    from genai_airflow.use_case_catalog import only, read_use_cases

    assert [len(found) for found in read_use_cases()] == [1, 1]
    with _airflow_parsing_context_manager(dag_id="sample", task_id="strategy.charter"):
        assert [len(found) for found in read_use_cases()] == [1, 0]
    with only("broken"):
        assert [len(found) for found in read_use_cases()] == [0, 1]


@pytest.mark.usefixtures("sample")
def test_the_graph_reads_like_the_workflow() -> None:
    dag = the_dag()
    groups = [group for group in dag.task_group.get_task_group_dict() if group]

    assert groups == ["strategy", "data_preparation", "training", "customization", "inferencing"]
    assert dag.get_task("training.pretrain").pool == dag.get_task("customization.tune").pool == "accelerator"
    assert all(task.doc_md for task in dag.tasks if "shards" not in task.task_id and "techniques" not in task.task_id)
    compared = dag.task_dict["data_preparation.compare_datasets"]
    assert (compared.previous, compared.downstream_task_ids) == ("dataset", set())
    assert compared.upstream_task_ids == {"data_preparation.check"}
    assert dag.task_dict["data_preparation.generate_texts"].upstream_task_ids == {"strategy.charter"}
    assert dag.task_dict["data_preparation.aggregate"].upstream_task_ids == {"data_preparation.generate_texts"}
    # what each looks back at: others of what check was given
    assert dag.task_dict["data_preparation.match"].partial_kwargs["earlier"] == "data_preparation.check:deduplicated"
    assert dag.task_dict["data_preparation.split"].earlier == "data_preparation.check:dataset"
    assert "| answer_chrf | ≥ 10 | yes | Agreement |" in dag.doc_md
    assert all(task.retries == 2 for task in dag.tasks)


@pytest.mark.usefixtures("sample")
def test_the_form_has_the_fields_schemas_and_values() -> None:
    params = the_dag().params

    rank = params.get_param("customization.lora.rank")
    assert (rank.value, rank.schema["minimum"], rank.schema["maximum"]) == (8, 1, 256)
    techniques = params.get_param("customization.techniques")
    assert techniques.schema["examples"] == ["lora", "prompt_tuning"]


def test_the_form_s_fields_carry_no_definition_that_they_do_not_use() -> None:
    from genai_airflow.run_options import run_params

    from include.use_cases import load_use_case

    for path, param in run_params(load_use_case("python_assistant")).items():
        unused = [name for name in param.schema.get("$defs", {}) if f"#/$defs/{name}" not in json.dumps(param.schema)]
        assert not unused, path


@pytest.mark.usefixtures("sample")
def test_approval_is_a_task_where_the_use_case_asks_for_it() -> None:
    from genai_workflow import genai_workflow

    asked = sample_use_case.load_use_case("sample", {"strategy.approval": {"required": True, "approvers": ["admin"]}})
    dag = genai_workflow(asked)

    assert dag.task_dict["data_preparation.generate_texts"].upstream_task_ids == {"strategy.approve"}
    assert dag.task_dict["training.screen"].upstream_task_ids == {"strategy.charter", "strategy.approve"}
    assert "strategy.approve" not in the_dag().task_dict


@pytest.mark.usefixtures("sample")
def test_two_people_are_asked_one_after_the_other() -> None:
    from genai_workflow import genai_workflow

    asked = sample_use_case.load_use_case("sample", {"strategy.approval": {"required": True, "people": 2}})
    tasks = genai_workflow(asked).task_dict

    assert tasks["strategy.approve_second"].upstream_task_ids == {"strategy.charter", "strategy.approve"}
    assert tasks["data_preparation.generate_texts"].upstream_task_ids == {"strategy.approve_second"}
    assert {tasks[name].defaults for name in ("strategy.approve", "strategy.approve_second")} == {None}


@pytest.mark.usefixtures("sample")
def test_no_default_answer_can_be_given() -> None:
    from airflow.sdk import DAG
    from genai_airflow.approval_operator import ApproveOperator

    with DAG("any", schedule=None, default_args={"defaults": "Approve"}):
        made = ApproveOperator(task_id="a", artifact={}, what="charter", page="p", title="T")
        assert made.defaults is None
        with pytest.raises(TypeError, match="defaults"):
            ApproveOperator(task_id="b", artifact={}, what="charter", page="p", title="T", defaults="Approve")


def the_dag() -> Any:
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(dag_folder=PROJECT_ROOT / "dags" / "genai_workflow.py").dags["sample"]


def test_a_run_that_changes_privacy_or_gates_has_a_charter_that_nobody_has_approved(store: ArtifactStore) -> None:
    from airflow.sdk import DAG
    from genai_airflow.task_groups import strategy

    from include.strategy.charter import charter
    from include.use_cases import load_use_case

    with DAG("any", schedule=None):
        operator: Any = strategy(load_use_case("python_assistant")).operator

    def digest(overrides: dict[str, Any]) -> str:
        arguments = operator.step_arguments(load_use_case("python_assistant", overrides), store, None)
        return charter(store, **arguments).digest

    approved = digest({})
    assert digest({"training.pretrain.steps": 7}) == approved
    for path, value in (
        ("data_preparation.anonymize.policy", {"PERSON": "redact"}),
        ("data_preparation.anonymize.sources", ["tickets", "feedback", "docstrings"]),
        ("data_preparation.check.max_leaked_numbers", 1_000),
    ):
        assert digest({path: value}) != approved, path
