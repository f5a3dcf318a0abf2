"""What the weights that the project ships are made with; `python -m benchmarks.personal_data.make_weights` makes them.

They learn from templates.txt and from the templates of presidio-evaluator (MIT), which only the benchmarks install.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from include.privacy.recognition.fillers import Fillers
from include.privacy.recognition.network import joined
from include.privacy.recognition.sentences import Labelled, generate, vary
from include.privacy.recognition.training import train

SEED, MEMBERS, OWN, THEIRS, EPOCHS = 7, 2, 7000, 6000, 3
EVALUATOR = "0.3.2"


def recipe() -> dict[str, str]:
    """What the weights are made with: a test holds it against what they say they were made with."""
    sentences = json.dumps([(one.text, one.spans) for one in generate(300, SEED)])
    made_with: dict[str, object] = {"seed": SEED, "members": MEMBERS, "own": OWN, "theirs": THEIRS, "epochs": EPOCHS}
    made_with |= {"presidio_evaluator": EVALUATOR, "first_sentences": hashlib.sha256(sentences.encode()).hexdigest()}
    return {name: str(value) for name, value in made_with.items()}


def learn(theirs: Sequence[Labelled], seed: int = SEED) -> Any:
    """A network of MEMBERS, each of which has learnt from `theirs`, varied, and from own sentences of its own."""
    seeds = range(seed, seed + MEMBERS)
    return joined([train(vary(list(theirs), Fillers(one)) + generate(OWN, one), one, EPOCHS) for one in seeds])
