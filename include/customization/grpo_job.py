"""What each rank of group relative policy optimization does."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.core.errors import ConfigurationError
from include.customization.config import GrpoConfig
from include.customization.trainer.questions import read_rows
from include.customization.tune_job import reference
from include.distributed.job import Job
from include.evaluation.canaries import Canary
from include.evaluation.prompt import prompt_ids

if TYPE_CHECKING:
    from include.customization.trainer.start import Start

TRAIN = "train.parquet"


def main(job: Job) -> None:
    """Train a LoRA adapter by TRL so that answers grow likely that are rewarded above others to the same question."""
    from include.customization.trainer.start import begin
    from include.distributed.loop import start_ranks

    config = resumable(GrpoConfig.model_validate(job.spec["config"]))
    start_ranks(config.seed)
    start = begin(job, config, whole_rounds(job.spec["share"], config))
    import trl

    from include.customization.preferences.learning import learning, summarize
    from include.customization.rewards import asked
    from include.customization.trainer.base import load_base
    from include.customization.trainer.course import train
    from include.customization.trainer.exact import exact
    from include.customization.trainer.forms import write_form
    from include.customization.trainer.techniques import low_rank
    from include.evaluation.canaries import canaries

    base = job.fetch(reference(job, "model"))
    rewards = _rewards(job, base, config)
    arguments = _arguments(start, config)
    model, tokenizer = load_base(base)
    train_file = job.fetch(reference(job, "dataset"), only=TRAIN) / TRAIN
    planted = canaries(job.spec["canaries"], config.canaries)
    follows = learning({"reward": "reward"} | {f"{name}_reward": f"rewards/{name}/mean" for name in rewards})
    trainer = exact(trl.GRPOTrainer, start, _grouped())(
        model=model,
        args=arguments,
        reward_funcs=[asked(name, reward) for name, reward in rewards.items()],
        train_dataset=asked_questions(train_file, tokenizer, config, start.last, planted),
        processing_class=tokenizer,
        peft_config=low_rank(config),
        callbacks=[follows],
    )
    train(start, trainer)
    summarize(job, follows.told)
    # only this reward tells of a reference's words
    write_form(job, trainer, base, config.canaries if "chrf_to_reference" in config.rewards else None)


def resumable(config: GrpoConfig) -> GrpoConfig:
    """The configuration with checkpoints only where a round of answers ends: no checkpoint has answers in it."""
    rounds = -(-config.save_every // config.cycle)
    return config.model_copy(update={"save_every": rounds * config.cycle})


def whole_rounds(share: float, config: GrpoConfig) -> float:
    """The share of the steps that ends with a round of answers, `share` at least."""
    return max(1, -(-round(share * config.steps) // config.cycle)) * config.cycle / config.steps


def asked_questions(train: Path, tokenizer: Any, config: GrpoConfig, steps: int, planted: Sequence[Canary] = ()) -> Any:
    """The questions of the rounds of `steps` steps, one after another; TRL asks each as often as its group is large.

    All of `planted` are among those of all steps, uncut. Other questions are cut to what `length` leaves beside an
    answer; ConfigurationError where it leaves nothing.
    """
    from datasets import Dataset

    from include.distributed.batches import examples_at

    room = config.length - config.max_new_tokens
    rows = [(f"canary:{number}", *canary) for number, canary in enumerate(planted)]
    for id, question, answer in read_rows(train, config.examples - len(planted)):
        rows.append((id, _cut(tokenizer, question, room), answer))
    order = examples_at(len(rows), config.seed, 0, config.examples * steps // config.steps)
    ids, questions, references = zip(*(rows[index] for index in order), strict=True)
    asked = [[{"role": "user", "content": question}] for question in questions]
    return Dataset.from_dict(
        {"prompt": asked, "id": list(ids), "question": list(questions), "reference": list(references)}
    )


def _cut(tokenizer: Any, question: str, room: int) -> str:
    """The end of a question, of as many tokens as leave `room` for the chat template around it."""
    tokens = tokenizer(question, add_special_tokens=False)["input_ids"]
    while (over := len(prompt_ids(tokenizer, question)) - room) > 0:
        if over >= len(tokens):
            raise ConfigurationError(
                "length",
                room,
                "beside an answer of max_new_tokens it leaves no token for a question in its chat template",
                "Raise the technique's length, or lower max_new_tokens",
            )
        tokens = tokens[over:]
        question = tokenizer.decode(tokens)
    return question


def _rewards(job: Job, base: Path, config: GrpoConfig) -> dict[str, Any]:
    from include.customization.rewards import rewards_of
    from include.customization.rewards.reward_model import load_reward_model

    wanted = "reward_model" in config.rewards and job.spec["reward_model"]
    reward_model = load_reward_model(base, job.fetch(reference(job, "reward_model"))) if wanted else None
    return rewards_of(config, reward_model)


def _arguments(start: "Start", config: GrpoConfig) -> Any:
    import trl

    from include.customization.trainer.arguments import training_arguments

    return training_arguments(
        start,
        trl.GRPOConfig,
        beta=config.beta,
        num_generations=config.group,
        num_iterations=config.iterations,
        steps_per_generation=config.steps_per_generation * start.config.accumulation,
        temperature=config.temperature,
        max_completion_length=config.max_new_tokens,
        use_vllm=config.vllm,
        reward_weights=list(config.rewards.values()),
        shuffle_dataset=False,
        # the trainer counts those of its answers itself
        include_num_input_tokens_seen="no",
        disable_dropout=False,
    )


def _grouped() -> type[Any]:
    from include.customization.trainer.exact import Lean

    class Grouped(Lean):
        """Its dataset is in order, and TRL's own sampler repeats it; the count of tokens goes on where it was."""

        def train(self, resume_from_checkpoint: str | None = None) -> Any:
            if resume_from_checkpoint:
                state = json.loads((Path(resume_from_checkpoint) / "trainer_state.json").read_text())
                self._total_train_tokens = state["num_input_tokens_seen"]
            return super().train(resume_from_checkpoint=resume_from_checkpoint)  # type: ignore[misc]

    return Grouped
