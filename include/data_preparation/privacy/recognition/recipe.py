"""Makes the weights that the project ships: `python -m include.data_preparation.privacy.recognition.make_weights`.

Two minutes on one core. The sentences come from templates.txt and from Faker's inventions; nothing else is learnt from.
"""

import hashlib
import json
import sys

SEED, SENTENCES, EPOCHS = 7, 9000, 3


def recipe() -> dict[str, str]:
    """What the weights are made with: a test holds it against what they say they were made with."""
    from include.data_preparation.privacy.recognition.sentences import generate

    sentences = json.dumps([(one.text, one.spans) for one in generate(300, SEED)])
    numbers = {"seed": SEED, "sentences": SENTENCES, "epochs": EPOCHS}
    return {name: str(value) for name, value in numbers.items()} | {
        "first_sentences": hashlib.sha256(sentences.encode()).hexdigest()
    }


def main() -> None:
    """Train and write weights.safetensors."""
    from include.data_preparation.privacy.recognition.sentences import generate
    from include.data_preparation.privacy.recognition.training import train
    from include.data_preparation.privacy.recognition.weights import WEIGHTS, save

    made_with = recipe()
    save(train(generate(SENTENCES, SEED), SEED, EPOCHS), WEIGHTS, made_with)
    sys.stdout.write(f"{WEIGHTS.name}: {WEIGHTS.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
