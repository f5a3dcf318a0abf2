"""Trains the tagger on labelled sentences: one core, a minute or two, equal results for equal seeds and libraries."""

import random
from collections.abc import Iterator, Sequence
from typing import Any

from include.privacy.recognition.features import PAD, Batch, featurize
from include.privacy.recognition.network import build, one_thread
from include.privacy.recognition.sentences import Labelled
from include.privacy.recognition.tagger import TAGS

RATE, CHARACTERS, IGNORED = 1e-3, 3500, -100


def train(samples: Sequence[Labelled], seed: int, epochs: int = 3) -> Any:
    """A network that has seen `samples` `epochs` times; what comes from the pretrained tables stays as it is."""
    with one_thread():
        return _train(samples, seed, epochs)


def _train(samples: Sequence[Labelled], seed: int, epochs: int) -> Any:
    import torch

    torch.manual_seed(seed)
    draw, network = random.Random(seed), build(len(TAGS)).train()  # noqa: S311
    (member,) = network.members
    fresh = [*member.hidden.parameters(), *member.score.parameters()]
    tuned = [*member.mix.parameters(), *member.layers.parameters()]
    optimizer = torch.optim.AdamW([{"params": fresh}, {"params": tuned}], weight_decay=0.01)
    # the mean over the last steps is surer about other texts than the last step
    average = [parameter.detach().clone() for parameter in (*fresh, *tuned)]
    blend = torch.optim.swa_utils.get_ema_multi_avg_fn(0.98)
    steps = epochs * len(list(_groups(samples)))
    step = 0
    for _ in range(epochs):
        order = list(samples)
        draw.shuffle(order)
        for group in _groups(order):
            share = min(1.0, (step + 1) / 50) * max(0.03, 1 - step / steps)
            for rate, parameters in zip((2 * RATE, RATE), optimizer.param_groups, strict=True):
                parameters["lr"] = rate * share
            batch = featurize([sample.text for sample in group])
            truth = torch.as_tensor(_truth(batch, group))
            loss = torch.nn.functional.nll_loss(network(batch), truth, ignore_index=IGNORED)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            blend(average, [*fresh, *tuned], step)
    with torch.no_grad():
        for parameter, mean in zip((*fresh, *tuned), average, strict=True):
            parameter.copy_(mean)
    return network.eval()


def _groups(samples: Sequence[Labelled]) -> Iterator[list[Labelled]]:
    group: list[Labelled] = []
    for sample in samples:
        group.append(sample)
        if sum(len(one.text) for one in group) > CHARACTERS:
            yield group
            group = []
    if group:
        yield group


def _truth(batch: Batch, samples: Sequence[Labelled]) -> Any:
    import numpy as np

    parts = []
    for sample, starts, ends in zip(samples, batch.starts, batch.ends, strict=True):
        tags = np.zeros(len(starts), "int64")
        for start, end, entity in sample.spans:
            inside = np.nonzero((starts < end) & (ends > start))[0]
            if len(inside):
                tags[inside] = TAGS.index(f"I-{entity}")
                tags[inside[0]] = TAGS.index(f"B-{entity}")
        parts += [np.full(PAD, IGNORED), tags]
    return np.concatenate([*parts, np.full(PAD, IGNORED)])
