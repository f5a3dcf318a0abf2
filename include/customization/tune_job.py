"""What each rank of a job of supervised tuning does."""

from typing import Any

from pydantic import TypeAdapter

from include.artifacts.ref import ArtifactRef
from include.customization.config import TuningConfig
from include.distributed.job import Job


def main(job: Job) -> None:
    """Load the base, leave to train what the technique trains, train it, and write its form."""
    import trl

    from include.customization.trainer.arguments import training_arguments
    from include.customization.trainer.base import load_base
    from include.customization.trainer.course import train
    from include.customization.trainer.exact import exact
    from include.customization.trainer.forms import write_form
    from include.customization.trainer.techniques import adapt
    from include.distributed.loop import start_ranks

    config = read_config(job.spec["config"])
    start_ranks(config.seed)
    # before the model: ZeRO 3 divides it while it is loaded
    arguments = training_arguments(
        job, config, trl.SFTConfig, max_length=None, dataset_kwargs={"skip_prepare_dataset": True}
    )
    base = job.fetch(reference(job, "model"))
    model, tokenizer = load_base(base, four_bits=config.technique == "qlora")
    rows = _rows(job, tokenizer, config)
    trainer = exact(trl.SFTTrainer, config)(
        model=adapt(model, tokenizer, config), args=arguments, train_dataset=rows, processing_class=tokenizer
    )
    if config.technique == "qlora":
        # TRL takes such adapters to bf16, in which small updates would be lost
        for parameter in trainer.model.parameters():
            parameter.data = parameter.data.float() if parameter.requires_grad else parameter.data
    state = job.fetch(reference(job, "resume"), only="state/") / "state" if job.spec["resume"] else None
    train(job, trainer, config, share=job.spec["share"], resume=state)
    write_form(job, trainer, base, config.canaries)


def read_config(values: dict[str, Any]) -> TuningConfig:
    """The configuration that a job's description holds."""
    from include.customization.config import AnyTechnique

    found: TuningConfig = TypeAdapter[Any](AnyTechnique).validate_python(values)
    return found


def reference(job: Job, name: str) -> ArtifactRef:
    """An artifact that the job's description names."""
    return ArtifactRef.model_validate(job.spec[name])


def _rows(job: Job, tokenizer: Any, config: TuningConfig) -> Any:
    from include.customization.trainer.corpus import corpus_rows
    from include.customization.trainer.questions import ids_for_development, question_rows
    from include.customization.trainer.rows import mapped_rows
    from include.evaluation.canaries import canaries

    dataset = reference(job, "dataset")
    train = job.fetch(dataset, only="train.parquet") / "train.parquet"
    planted = canaries(job.spec["canaries"], config.canaries)
    if config.technique != "continued_pretraining":
        return mapped_rows(job, "questions", lambda: question_rows(train, tokenizer, config, planted))
    corpus, kept = job.fetch(dataset, only="corpus.parquet") / "corpus.parquet", ids_for_development(train)
    return mapped_rows(job, "corpus", lambda: corpus_rows(corpus, tokenizer, config, planted, kept))
