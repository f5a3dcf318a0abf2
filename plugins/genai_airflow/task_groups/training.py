"""Step 3 as a task group."""

from airflow.sdk import TaskGroup, XComArg

from genai_airflow.job_operator import RunJobOperator
from genai_airflow.step_operators import RunStepOperator
from genai_airflow.task_groups.tasks import ACCELERATOR_POOL, evaluate_each
from include.jobs.slots import training_slots


def training(charter: XComArg, dataset: XComArg) -> XComArg:
    """A model from scratch and a pretrained one are evaluated on the use case, and one is selected."""
    with TaskGroup("training", tooltip="Train from scratch, evaluate pretrained, select"):
        pretrained = _from_scratch(dataset)
        imported = RunStepOperator(
            task_id="import_pretrained",
            step="training.import_pretrained",
            config="training.pretrained",
            doc_md="Brings a pretrained model into the store.",
        ).output
        charter.operator.task_group >> imported
        evaluations = evaluate_each("model", [pretrained, imported], dataset=dataset)
        selected = RunStepOperator(
            task_id="select_model",
            step="training.select_model",
            config="training.select",
            arguments={"models": [pretrained, imported], "evaluations": evaluations, "charter": charter},
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
        pool=ACCELERATOR_POOL,
        pool_slots=training_slots(),
        doc_md="Trains a Llama-style model from scratch on the packed rows (DeepSpeed).",
    ).output
