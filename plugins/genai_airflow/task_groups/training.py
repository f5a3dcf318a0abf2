"""Step 3 as a task group."""

from airflow.sdk import TaskGroup, XComArg

from genai_airflow.job_operator import RunJobOperator
from genai_airflow.step_operators import RunStepOperator
from genai_airflow.task_groups.tasks import ACCELERATOR_POOL, evaluate_each
from include.core.settings import settings


def training(charter: XComArg, dataset: XComArg) -> XComArg:
    """A model from scratch and a pretrained one are evaluated on the use case, and one is selected."""
    with TaskGroup("training", tooltip="Train from scratch, evaluate pretrained, select"):
        pretrained = RunJobOperator(
            task_id="pretrain",
            step="training.pretrain",
            config="training.pretrain",
            arguments={"dataset": dataset},
            pool=ACCELERATOR_POOL,
            pool_slots=settings().training_slots,
            doc_md="Trains a tokenizer and a small Llama-style model from scratch (DeepSpeed).",
        ).output
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
