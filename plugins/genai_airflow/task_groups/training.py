"""Step 3 as a task group."""

from airflow.sdk import TaskGroup, XComArg

from genai_airflow.fan_out import list_candidates, list_models
from genai_airflow.job_operator import RunJobOperator
from genai_airflow.step_operators import RunStepOperator
from genai_airflow.task_groups.tasks import BY_ITEM, evaluate_each, on_devices


def training(charter: XComArg, dataset: XComArg) -> XComArg:
    """A model from scratch and those that exist already are evaluated on the use case, and one is selected."""
    with TaskGroup("training", tooltip="Train from scratch, evaluate pretrained, select"):
        pretrained = _from_scratch(dataset)
        screening = RunStepOperator(
            task_id="screen",
            step="training.screen",
            arguments={"charter": charter},
            also={"candidates": "training.candidates"},
            doc_md="Screens the candidates by licence, size, context and cost, before any is loaded.",
        ).output
        charter.operator.task_group >> screening
        imported = (
            RunStepOperator.partial(
                task_id="import_pretrained",
                step="training.import_pretrained",
                map_index_template=BY_ITEM,
                doc_md="Brings a candidate into the store; one task for each that passed the screening.",
            )
            .expand(config=list_candidates.override(task_id="candidates")(screening["candidates"]))
            .output
        )
        models = list_models.override(task_id="models")(trained=pretrained, imported=imported)
        evaluations = evaluate_each("model", models, dataset=dataset)
        selected = RunStepOperator(
            task_id="select_model",
            step="training.select_model",
            config="training.select",
            arguments={
                "models": models,
                "evaluations": evaluations,
                "charter": charter,
                "screening": screening,
            },
            doc_md="Selects the better model for the use case and says why.",
        ).output
    return selected["selected"]


def _from_scratch(dataset: XComArg) -> XComArg:
    """Tokenizer, packed rows, and the model that is trained on them."""
    tokenizer = RunStepOperator(
        task_id="train_tokenizer",
        step="training.train_tokenizer",
        config="training.tokenizer",
        arguments={"dataset": dataset},
        doc_md="Trains the tokenizer of the model from scratch.",
    ).output
    packed = RunStepOperator(
        task_id="pack",
        step="training.pack",
        config="training.pack",
        arguments={"dataset": dataset, "tokenizer": tokenizer},
        doc_md="Packs the dataset into rows of tokens, and keeps some to measure on.",
    ).output
    return RunJobOperator(
        task_id="pretrain",
        step="training.pretrain",
        config="training.pretrain",
        arguments={"packed": packed},
        **on_devices(),
        doc_md="Trains a Llama-style model from scratch on the packed rows (DeepSpeed).",
    ).output
