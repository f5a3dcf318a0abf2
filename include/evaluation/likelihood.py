"""How likely a model finds the reference answers."""

from collections.abc import Sequence
from dataclasses import dataclass

from include.evaluation.model import LoadedModel
from include.evaluation.prompt import answer_ids, prompt_ids, prompt_of

IGNORED = -100
LN2 = 0.6931471805599453


@dataclass(frozen=True)
class Score:
    """`nll`: mean nats a token; `tokens`: answer tokens scored, the end token included; `characters`: of these."""

    nll: float
    tokens: int
    characters: int

    @property
    def bits_per_char(self) -> float:
        """Comparable between models of different tokenizers."""
        return self.nll * self.tokens / LN2 / max(self.characters, 1)


def score_references(
    loaded: LoadedModel, pairs: Sequence[tuple[str, str]], batch_size: int, max_tokens: int
) -> list[Score]:
    """A score for each (question, reference), in the order given.

    Sequences over `max_tokens` lose the answer's end; a question that alone is longer loses its beginning.
    """
    return _scored(loaded, [_encode(loaded, question, answer, max_tokens) for question, answer in pairs], batch_size)


def score_texts(loaded: LoadedModel, texts: Sequence[str], batch_size: int, max_tokens: int) -> list[Score]:
    """A score for each text as a document of its own, without question or chat template, in the order given.

    It follows an end token, as texts follow one another in a corpus; texts over `max_tokens` lose their end.
    """
    start = [*loaded.soft_prompt, int(loaded.tokenizer.eos_token_id)]
    limit = max(1, min(max_tokens, loaded.context) - len(start))
    return _scored(loaded, [(start, answer_ids(loaded.tokenizer, text)[:limit]) for text in texts], batch_size)


def _scored(loaded: LoadedModel, encoded: list[tuple[list[int], list[int]]], batch_size: int) -> list[Score]:
    """A score for the second part of each, sequences of similar length in a batch."""
    order = sorted(range(len(encoded)), key=lambda i: len(encoded[i][0]) + len(encoded[i][1]))
    scores: dict[int, Score] = {}
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        for index, nll in zip(batch, _batch_nll(loaded, [encoded[i] for i in batch]), strict=True):
            answer = encoded[index][1]
            text = loaded.tokenizer.decode(answer, skip_special_tokens=True)
            scores[index] = Score(nll, len(answer), len(text))
    return [scores[i] for i in range(len(encoded))]


def score_answers(loaded: LoadedModel, question: str, answers: Sequence[str], max_tokens: int) -> list[Score]:
    """What `score_references` gives for one question and many short answers, the prompt computed once for all."""
    import torch

    encoded = [_encode(loaded, question, answer, max_tokens) for answer in answers]
    prompts = {tuple(prompt) for prompt, _ in encoded}
    # a learned prefix is a cache already, and prompts that were cut to their answers differ
    if len(prompts) > 1 or hasattr(loaded.model, "peft_config"):
        return score_references(loaded, [(question, answer) for answer in answers], len(answers), max_tokens)
    prompt, ids = encoded[0][0], [answer for _, answer in encoded]
    width = max(len(answer) for answer in ids)
    labels = torch.tensor([answer + [IGNORED] * (width - len(answer)) for answer in ids])
    with torch.inference_mode():
        first = loaded.model(input_ids=torch.tensor([prompt]), use_cache=True)
        cache = first.past_key_values
        cache.batch_repeat_interleave(len(ids))
        # what is padded on the right is seen by nothing before it
        rest = loaded.model(input_ids=labels[:, :-1].clamp(min=0), past_key_values=cache).logits
        before = first.logits[:, -1:].expand(len(ids), -1, -1)
        logits = torch.cat([before, rest], dim=1)[..., : loaded.vocabulary]
        losses = torch.nn.functional.cross_entropy(
            logits.transpose(1, 2).float(), labels, ignore_index=IGNORED, reduction="none"
        )
    counts = (labels != IGNORED).sum(1)
    texts = [loaded.tokenizer.decode(answer, skip_special_tokens=True) for answer in ids]
    return [
        Score(float(loss), len(answer), len(text))
        for loss, answer, text in zip(losses.sum(1) / counts, ids, texts, strict=True)
    ]


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
