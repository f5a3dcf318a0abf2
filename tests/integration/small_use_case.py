"""The sample use case in small: the same steps on fewer documents, fewer training steps and fewer questions."""

from pathlib import Path
from typing import Any

import yaml

from include.core.settings import PROJECT_ROOT

NAME = "small_assistant"
APPROVED = "approved_assistant"
DATED = "dated_assistant"
CHANGES: dict[str, Any] = {
    "title": "The sample in small",
    "schedule": None,
    "strategy.objectives": [{"text": "Answer questions about Python.", "indicators": ["answer_bits_per_char"]}],
    "strategy.indicators": [{"name": "answer_bits_per_char", "direction": "at_most", "target": 100, "required": True}],
    "data_preparation.aggregate.packages": ["httpx"],
    "data_preparation.aggregate.max_standard_library": 500,
    "data_preparation.aggregate.max_package": 40,
    "data_preparation.aggregate.tickets": 60,
    "data_preparation.aggregate.ticket_export_days": 10,
    "data_preparation.aggregate.shards": 2,
    "data_preparation.synthesize.rows": 60,
    # a model of twenty customers is little like the others, and knows its own
    "data_preparation.check.min_synthetic_quality": 0.5,
    "data_preparation.check.max_closer_to_seen": 0.8,
    "data_preparation.check.max_attack_auc": 0.8,
    "data_preparation.split.train": 200,
    "data_preparation.split.heldout": 24,
    "data_preparation.check.min_train": 100,
    "data_preparation.check.min_heldout": 12,
    "data_preparation.check.min_corpus": 100,
    "training.pretrain.steps": 24,
    "training.pretrain.hidden_size": 64,
    "training.pretrain.intermediate_size": 128,
    "training.pretrain.layers": 2,
    "training.pretrain.heads": 2,
    "training.pretrain.save_every": 2,
    "training.tokenizer.vocabulary": 1024,
    "training.pack.length": 64,
    "training.pack.canaries": 1,
    "customization.techniques": ["lora"],
    "customization.race.rungs": [1],
    "customization.lora.steps": 4,
    "customization.lora.batch": 4,
    "customization.lora.save_every": 2,
    "evaluation.questions": 8,
    "evaluation.answers": 2,
    "evaluation.max_new_tokens": 16,
    # nobody asks while it is rolled out
    "inferencing.deploy.settle_seconds": 0.5,
    "inferencing.deploy.grace_seconds": 1.5,
    "inferencing.deploy.max_tokens": 8,
}


# what is made anew for each interval is what a test looks at, not how good it is: overrides of a run
SMALLEST: dict[str, Any] = {
    "data_preparation.aggregate.shards": 1,
    "training.pretrain.save_every": 24,
    # enough for a tiny model to become better beyond chance
    "customization.lora.learning_rate": 0.01,
    "customization.lora.steps": 48,
    "customization.lora.save_every": 48,
    "evaluation.questions": 12,
    "evaluation.answers": 2,
}


def write_small_use_case(folder: Path) -> None:
    """Write three use cases into a folder.

    small_assistant runs by hand, dated_assistant every day with tickets that come every ten, and a human approves
    approved_assistant. What dated_assistant does today is what small_assistant does.
    """
    folder.mkdir(exist_ok=True)
    _write(folder / f"{NAME}.yaml", CHANGES)
    _write(folder / f"{DATED}.yaml", CHANGES | {"schedule": "0 3 * * *"})
    _write(folder / f"{APPROVED}.yaml", CHANGES | {"strategy.approval": {"required": True}})


def smallest(model: Path) -> dict[str, Any]:
    """Overrides with which a run makes all results anew in little time; `model` is the folder of a tiny model."""
    tiny = {"source": "folder", "folder": str(model), "name": "tiny", "license": "Apache-2.0"}
    return SMALLEST | {"training.candidates": {"tiny": tiny}}


def _write(path: Path, changes: dict[str, Any]) -> None:
    content = yaml.safe_load((PROJECT_ROOT / "include" / "use_cases" / "python_assistant.yaml").read_text())
    for field, value in changes.items():
        *parents, last = field.split(".")
        section = content
        for name in parents:
            section = section.setdefault(name, {})
        section[last] = value
    path.write_text(yaml.safe_dump(content))
