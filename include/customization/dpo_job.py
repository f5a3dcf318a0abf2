"""What each rank of direct preference optimization does."""

from typing import TYPE_CHECKING, Any

from include.customization.config import DpoConfig
from include.customization.tune_job import reference
from include.distributed.job import Job

if TYPE_CHECKING:
    from include.customization.trainer.start import Start

PAIRS = "preferences.parquet"


def main(job: Job) -> None:
    """Train a LoRA adapter by TRL so that the better answer of each pair grows likely beside the worse one."""
    from include.customization.trainer.start import begin
    from include.distributed.loop import start_ranks

    config = DpoConfig.model_validate(job.spec["config"])
    start_ranks(config.seed)
    start = begin(job, config)
    import trl

    from include.customization.preferences.encoded import encoded_pairs
    from include.customization.preferences.learning import learning, summarize
    from include.customization.trainer.base import load_base
    from include.customization.trainer.course import train
    from include.customization.trainer.exact import exact
    from include.customization.trainer.forms import write_form
    from include.customization.trainer.techniques import low_rank
    from include.evaluation.canaries import canaries

    arguments = _arguments(start, config)
    base = job.fetch(reference(job, "model"))
    model, tokenizer = load_base(base)
    path = job.fetch(reference(job, "preferences"), only=PAIRS) / PAIRS
    pairs = encoded_pairs(path, tokenizer, config, canaries(job.spec["canaries"], config.canaries))
    follows = learning({"accuracy": "rewards/accuracies", "margin": "rewards/margins"})
    trainer = exact(trl.DPOTrainer, start, _encoded())(
        model=model,
        args=arguments,
        train_dataset=pairs,
        processing_class=tokenizer,
        peft_config=low_rank(config),
        callbacks=[follows],
    )
    train(start, trainer)
    summarize(job, follows.told)
    write_form(job, trainer, base, config.canaries)


def _arguments(start: "Start", config: DpoConfig) -> Any:
    import trl

    from include.customization.trainer.arguments import training_arguments

    return training_arguments(
        start,
        trl.DPOConfig,
        beta=config.beta,
        loss_type=["sigmoid", "sft"] if config.anchor else ["sigmoid"],
        loss_weights=[1.0, config.anchor] if config.anchor else None,
        max_length=None,
        disable_dropout=False,
    )


def _encoded() -> type[Any]:
    from include.customization.trainer.exact import InOrder

    class Encoded(InOrder):
        """Its pairs are encoded as everywhere in this project."""

        def _prepare_dataset(self, dataset: Any, *_: object) -> Any:
            return dataset

    return Encoded
