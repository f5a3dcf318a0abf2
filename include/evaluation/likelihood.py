"""How likely a model finds the reference answers."""

from collections.abc import Sequence
from dataclasses import dataclass

from include.evaluation.model import LoadedModel
from include.evaluation.prompt import answer_ids, prompt_ids, prompt_of

IGNORED = -100


@dataclass(frozen=True)
class Score:
    """`nll`: mean nats a token; `tokens`: answer tokens scored, the end token included; `characters`: of these."""

    nll: float
    tokens: int
    characters: int


def score_references(
    loaded: LoadedModel, pairs: Sequence[tuple[str, str]], batch_size: int, max_tokens: int
) -> list[Score]:
    """A score for each (question, reference), in the order given.

    Sequences over `max_tokens` lose the answer's end; a question that alone is longer loses its beginning.
    """
    encoded = [_encode(loaded, question, answer, max_tokens) for question, answer in pairs]
    order = sorted(range(len(encoded)), key=lambda i: len(encoded[i][0]) + len(encoded[i][1]))
    scores: dict[int, Score] = {}
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        for index, nll in zip(batch, _batch_nll(loaded, [encoded[i] for i in batch]), strict=True):
            answer = encoded[index][1]
            text = loaded.tokenizer.decode(answer, skip_special_tokens=True)
            scores[index] = Score(nll, len(answer), len(text))
    return [scores[i] for i in range(len(pairs))]


def _encode(loaded: LoadedModel, question: str, answer: str, max_tokens: int) -> tuple[list[int], list[int]]:
    limit = min(max_tokens, loaded.context - len(loaded.soft_prompt))
    room = max(limit - len(prompt_ids(loaded.tokenizer, question)), limit // 4)
    ids = answer_ids(loaded.tokenizer, answer)[:room]
    return prompt_of(loaded, question, limit - room, len(ids)), ids


def _batch_nll(loaded: LoadedModel, batch: list[tuple[list[int], list[int]]]) -> list[float]:
    import torch

    width = max(len(prompt) + len(answer) for prompt, answer in batch)
    ids = torch.full((len(batch), width), int(loaded.tokenizer.pad_token_id))
    mask = torch.zeros((len(batch), width), dtype=torch.long)
    labels = torch.full((len(batch), width), IGNORED)
    for row, (prompt, answer) in enumerate(batch):
        length = len(prompt) + len(answer)
        ids[row, :length] = torch.tensor(prompt + answer)
        mask[row, :length] = 1
        labels[row, len(prompt) : length] = torch.tensor(answer)
    with torch.inference_mode():
        logits = loaded.model(input_ids=ids, attention_mask=mask).logits[..., : loaded.vocabulary]
        losses = torch.nn.functional.cross_entropy(
            logits[:, :-1].transpose(1, 2).float(), labels[:, 1:], ignore_index=IGNORED, reduction="none"
        )
    counts = (labels[:, 1:] != IGNORED).sum(1)
    return [float(loss) for loss in losses.sum(1) / counts]
