"""The workflow's five steps as task groups: each takes references and returns the reference that it yields."""

from typing import TYPE_CHECKING

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import TaskGroup, XComArg

from genai_airflow.fan_out import list_shards, list_techniques
from genai_airflow.step_operators import DeployModelOperator, JudgeModelOperator, RunStepOperator

if TYPE_CHECKING:
    from include.use_cases import UseCase

ACCELERATOR_POOL = "accelerator"
BY_ITEM = "{{ label }}"


def strategy(use_case: "UseCase") -> XComArg:
    """Goal, indicators, demand and limits become a charter; a human signs it where the use case asks for it."""
    with TaskGroup("strategy", tooltip="Declare, size and approve the use case"):
        charter = RunStepOperator(
            task_id="charter",
            step="strategy.charter",
            config="strategy",
            doc_md="Validates the strategy and writes the **charter**: goal, indicators, sizing and cost.",
        )
        approval = use_case.strategy.approval
        if approval.required:
            approve = ApprovalOperator(
                task_id="approve",
                subject=f"Approve the charter of {use_case.title}",
                body="The charter is the report of the task `strategy.charter`. Reject: nothing further runs.",
                assigned_users=[{"id": name, "name": name} for name in approval.approvers] or None,
                fail_on_reject=True,
                retries=0,
                doc_md="Waits for a human. *Reject* fails the run: nothing further is done.",
            )
            charter >> approve
    return charter.output


def data_preparation(charter: XComArg) -> XComArg:
    """The sources become a versioned dataset that is ready for training."""
    with TaskGroup("data_preparation", tooltip="Aggregate, clean, label, anonymize, synthesize, check"):
        aggregated = RunStepOperator(
            task_id="aggregate",
            step="data_preparation.aggregate",
            config="data_preparation.aggregate",
            moment="as_of",
            doc_md="Reads every source of the use case, as it stood at the run's moment, into shards of documents.",
        ).output
        charter.operator.task_group >> aggregated
        compared = RunStepOperator(
            task_id="compare_sources",
            step="data_preparation.compare_sources",
            config="data_preparation.compare_sources",
            arguments={"aggregated": aggregated},
            previous="aggregated",
            doc_md="Compares each source with the earlier run. One that has shrunk too much: the run stops here.",
        )
        shards = list_shards.override(task_id="aggregated_shards")(aggregated["shards"])
        cleaned = (
            RunStepOperator.partial(
                task_id="clean",
                step="data_preparation.clean",
                config="data_preparation.clean",
                arguments={"source": aggregated},
                over="shard",
                map_index_template=BY_ITEM,
                doc_md="Repairs text and drops what is no use, each document with its reason; one task a shard.",
            )
            .expand(item=shards)
            .output
        )
        deduplicated = _prepare("deduplicate", "Drops exact and near duplicates.", sources=cleaned)
        labeled = _prepare("label", "Gives each document its topic and the confidence in it.", source=deduplicated)
        anonymized = (
            RunStepOperator.partial(
                task_id="anonymize",
                step="data_preparation.anonymize",
                config="data_preparation.anonymize",
                arguments={"source": labeled},
                over="shard",
                map_index_template=BY_ITEM,
                doc_md="Replaces personal data (Presidio); one task a shard.",
            )
            .expand(item=list_shards.override(task_id="labeled_shards")(labeled["shards"]))
            .output
        )
        synthetic = _prepare("synthesize", "Generates a table like the tickets' (SDV).", source=aggregated)
        compared >> [shards, synthetic]
        divided = _prepare("split", "Splits by unique question: no answer leaks.", sources=anonymized)
        return _prepare(
            "check",
            "Measures quality against the charter and writes the **data card**. A dataset that misses it stops here.",
            dataset=divided,
            aggregated=aggregated,
            cleaned=cleaned,
            deduplicated=deduplicated,
            anonymized=anonymized,
            synthetic=synthetic,
            charter=charter,
        )


def _prepare(name: str, doc_md: str, **arguments: XComArg) -> XComArg:
    path = f"data_preparation.{name}"
    return RunStepOperator(task_id=name, step=path, config=path, arguments=arguments, doc_md=doc_md).output


def training(charter: XComArg, dataset: XComArg) -> XComArg:
    """A model from scratch and a pretrained one are evaluated on the use case, and one is selected."""
    with TaskGroup("training", tooltip="Train from scratch, evaluate pretrained, select"):
        pretrained = RunStepOperator(
            task_id="pretrain",
            step="training.pretrain",
            config="training.pretrain",
            arguments={"dataset": dataset},
            pool=ACCELERATOR_POOL,
            doc_md="Trains a tokenizer and a small Llama-style model from scratch (DeepSpeed).",
        ).output
        imported = RunStepOperator(
            task_id="import_pretrained",
            step="training.import_pretrained",
            config="training.pretrained",
            doc_md="Brings a pretrained model into the store.",
        ).output
        charter.operator.task_group >> imported
        evaluations = _evaluate_each("model", [pretrained, imported], dataset=dataset)
        selected = RunStepOperator(
            task_id="select_model",
            step="training.select_model",
            config="training.select",
            arguments={"models": [pretrained, imported], "evaluations": evaluations, "charter": charter},
            doc_md="Selects the better model for the use case and says why.",
        ).output
    return selected["selected"]


def customization(charter: XComArg, dataset: XComArg, model: XComArg) -> XComArg:
    """The techniques race: each tunes the model, is evaluated beside it, and the gate lets the best one pass."""
    with TaskGroup("customization", tooltip="Tune, evaluate against the base, gate"):
        base = RunStepOperator(
            task_id="evaluate_base",
            step="evaluation.evaluate",
            config="evaluation",
            arguments={"model": model, "dataset": dataset},
            doc_md="Evaluates the uncustomized model. Its evaluation in training is reused.",
        ).output
        techniques = list_techniques.override(task_id="techniques")()
        model.operator >> techniques
        adapters = (
            RunStepOperator.partial(
                task_id="tune",
                step="customization.tune",
                arguments={"model": model, "dataset": dataset},
                pool=ACCELERATOR_POOL,
                map_index_template=BY_ITEM,
                doc_md="Customizes the model (DeepSpeed); one task a technique.",
            )
            .expand(config=techniques)
            .output
        )
        evaluations = _evaluate_each("adapter", adapters, model=model, dataset=dataset)
        gate = JudgeModelOperator(
            task_id="gate",
            step="customization.gate",
            config="customization.gate",
            arguments={
                "model": model,
                "baseline": base,
                "adapters": adapters,
                "evaluations": evaluations,
                "charter": charter,
            },
            doc_md="Compares each adapter with the base on the charter's indicators. None better: the run stops here. "
            "The verdict of the run that looks at the newest data alone may move the champion.",
        ).output
    return gate["selected"]


def inferencing(model: XComArg, adapter: XComArg) -> XComArg:
    """The customized model is packaged for Triton and becomes the champion that answers."""
    with TaskGroup("inferencing", tooltip="Package and deploy on Triton"):
        package = RunStepOperator(
            task_id="package",
            step="inferencing.package",
            config="inferencing.package",
            arguments={"model": model, "adapter": adapter},
            doc_md="Merges, exports and lays out the model as Triton serves it.",
        ).output
        return DeployModelOperator(
            task_id="deploy",
            package=package,
            doc_md="Loads the package on Triton, tries it, and moves the champion alias to it.",
        ).output


def _evaluate_each(over: str, items: XComArg | list[XComArg], **arguments: XComArg) -> XComArg:
    """The evaluation of several models or adapters, one task each; `over` names the step's argument."""
    return (
        RunStepOperator.partial(
            task_id="evaluate",
            step="evaluation.evaluate",
            config="evaluation",
            arguments=arguments,
            over=over,
            map_index_template=BY_ITEM,
            doc_md=f"Answers the held-out questions and measures the answers; one task for each {over}.",
        )
        .expand(item=items)
        .output
    )
