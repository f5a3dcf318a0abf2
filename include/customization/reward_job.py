"""What each rank of a reward model's training does."""

from include.customization.config import RewardModelConfig
from include.customization.tune_job import reference
from include.distributed.job import Job

PAIRS = "preferences.parquet"


def main(job: Job) -> None:
    """Train an adapter with a head by TRL so that the better answer of each pair gets the higher score."""
    from include.customization.trainer.start import begin
    from include.distributed.loop import start_ranks

    config = RewardModelConfig.model_validate(job.spec["config"])
    start_ranks(config.seed)
    start = begin(job, config)
    import torch
    import trl

    from include.customization.preferences.encoded import encoded_pairs
    from include.customization.preferences.learning import learning, summarize
    from include.customization.rewards.reward_model import load_scorer
    from include.customization.trainer.arguments import training_arguments
    from include.customization.trainer.course import train
    from include.customization.trainer.exact import exact
    from include.customization.trainer.forms import write_form
    from include.customization.trainer.techniques import low_rank

    arguments = training_arguments(start, trl.RewardConfig, max_length=None, disable_dropout=False)
    base = job.fetch(reference(job, "model"))
    model, tokenizer = load_scorer(base, "auto" if torch.cuda.is_available() else torch.float32)
    path = job.fetch(reference(job, "preferences"), only=PAIRS) / PAIRS
    follows = learning({"accuracy": "accuracy", "margin": "margin"})
    trainer = exact(trl.RewardTrainer, start)(
        model=model,
        args=arguments,
        train_dataset=encoded_pairs(path, tokenizer, config, together=True),
        processing_class=tokenizer,
        peft_config=low_rank(config, "SEQ_CLS"),
        callbacks=[follows],
    )
    train(start, trainer)
    summarize(job, follows.told)
    write_form(job, trainer, base)
