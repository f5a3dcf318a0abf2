"""The part of step 4 that techniques which learn from preferences need."""

from airflow.sdk import XComArg

from genai_airflow.job_operator import RunJobOperator
from genai_airflow.step_operators import RunStepOperator
from genai_airflow.task_groups.tasks import on_devices

CHOSEN = {"customization": "customization"}
# what of a technique's configuration says that it learns from an argument of customization.tune
LEARNERS = {"preferences": "learns_from_pairs", "reward_model": "rewarded_by_model"}


def preferences(after: XComArg, model: XComArg, dataset: XComArg) -> dict[str, XComArg]:
    """Pairs of a better and a worse answer, and a model that scores answers; both empty where nothing needs them."""
    pairs = RunStepOperator(
        task_id="collect_preferences",
        step="customization.collect_preferences",
        config="customization.preferences",
        arguments={"model": model, "dataset": dataset},
        also=CHOSEN | {"split": "data_preparation.split"},
        **on_devices(slots=1),
        doc_md="Collects pairs of a better and a worse answer, from files and against the model's own answers. "
        "Where no chosen technique learns from them, there are none.",
    ).output
    after.operator >> pairs.operator
    reward_model = RunJobOperator(
        task_id="train_reward_model",
        step="customization.train_reward_model",
        config="customization.reward_model",
        arguments={"model": model, "preferences": pairs},
        also=CHOSEN,
        **on_devices(),
        doc_md="Trains a model that scores answers (DeepSpeed), where a chosen technique is rewarded by one.",
    ).output
    return {"preferences": pairs, "reward_model": reward_model}
