"""Step 4 as a task group."""

from airflow.sdk import TaskGroup, XComArg

from genai_airflow.fan_out import list_techniques
from genai_airflow.job_operator import RunJobOperator
from genai_airflow.step_operators import JudgeModelOperator, RunStepOperator
from genai_airflow.task_groups.preferences import LEARNERS, preferences
from genai_airflow.task_groups.tasks import ACCELERATOR_POOL, BY_ITEM, evaluate_each
from include.jobs.slots import training_slots


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
        learnt = preferences(model, model, dataset)
        adapters = (
            RunJobOperator.partial(
                task_id="tune",
                step="customization.tune",
                arguments={"model": model, "dataset": dataset, **learnt},
                where=LEARNERS,
                pool=ACCELERATOR_POOL,
                pool_slots=training_slots(),
                map_index_template=BY_ITEM,
                doc_md="Customizes the model (DeepSpeed); one task a technique.",
            )
            .expand(config=techniques)
            .output
        )
        evaluations = evaluate_each("adapter", adapters, model=model, dataset=dataset)
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
