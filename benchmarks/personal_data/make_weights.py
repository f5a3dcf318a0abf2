"""Makes the weights that the project ships: `python -m benchmarks.personal_data.make_weights`.

Two minutes on one core. What is measured split by split in `python -m benchmarks.personal_data`, learnt from all
templates of presidio-evaluator and the project's own; none of the evaluator's sentences comes into the repository.
"""

import importlib.metadata
import sys

from benchmarks.personal_data import labelled
from include.privacy.recognition.recipe import EVALUATOR, SEED, THEIRS, learn, recipe
from include.privacy.recognition.weights import WEIGHTS, save


def main() -> int:
    """Train and write weights.safetensors; 1 where another presidio-evaluator is installed."""
    if (found := importlib.metadata.version("presidio-evaluator")) != EVALUATOR:
        sys.stderr.write(f"presidio-evaluator is {found}: install {EVALUATOR}, or name {found} in recipe.py\n")
        return 1
    labelled.use_blank_tokenizer()
    save(learn(labelled.to_learn(labelled.everything(), THEIRS, SEED)), WEIGHTS, recipe())
    sys.stdout.write(f"{WEIGHTS.name}: {WEIGHTS.stat().st_size:,} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
