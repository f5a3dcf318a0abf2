"""Texts put together from slots, the same for the same seed."""

import random
from collections.abc import Mapping, Sequence

from include.data_preparation.config.texts import SLOT, GenerateTextsConfig

# equal texts count once: so many draws for each that is wanted
DRAWS = 5


def fill(texts: Sequence[str], slots: Mapping[str, Sequence[str]], draw: random.Random) -> list[str]:
    """The texts with each slot filled, a slot with the same text wherever it stands."""
    chosen: dict[str, str] = {}

    def choose(slot: str) -> str:
        if slot not in chosen:
            picked = draw.choice(list(slots[slot]))
            chosen[slot] = SLOT.sub(lambda inner: choose(inner[1]), picked)
        return chosen[slot]

    return [SLOT.sub(lambda found: choose(found[1]), text) for text in texts]


def template_pairs(config: GenerateTextsConfig) -> list[tuple[str, str]]:
    """Different questions with their answers, `template_texts` at most."""
    pairs: dict[str, str] = {}
    for index in range(DRAWS * config.template_texts if config.templates else 0):
        draw = random.Random(f"{config.seed}:template:{index}")  # noqa: S311
        template = draw.choice(config.templates)
        question, answer = fill((template.question, template.answer), config.slots, draw)
        pairs.setdefault(question, answer)
        if len(pairs) == config.template_texts:
            break
    return list(pairs.items())


def prompt_texts(config: GenerateTextsConfig) -> list[tuple[str, str]]:
    """Name and filled instruction of each request, in order."""
    return [
        (prompt.name, fill((prompt.instruction,), config.slots, _draw(config, prompt.name, index))[0])
        for prompt in config.prompts
        for index in range(prompt.count)
    ]


def _draw(config: GenerateTextsConfig, name: str, index: int) -> random.Random:
    return random.Random(f"{config.seed}:{name}:{index}")  # noqa: S311
