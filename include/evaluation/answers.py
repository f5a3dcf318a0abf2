"""Answers a model writes itself."""

import time
from collections.abc import Sequence

from include.evaluation.model import LoadedModel
from include.evaluation.prompt import prompt_of


def generate_answers(
    loaded: LoadedModel,
    questions: Sequence[str],
    batch_size: int,
    max_new_tokens: int,
    max_tokens: int,
    temperature: float = 0.0,
) -> list[tuple[str, float]]:
    """(answer, seconds) a question, in the order given, up to the end token or `max_new_tokens`.

    Greedy at `temperature` 0; above, sampled with torch's random numbers.

    Questions of similar length share a batch; its seconds are divided among its answers. Prompts over
    `max_tokens` lose their beginning.
    """
    limit = max(1, min(max_tokens, loaded.context - max_new_tokens - len(loaded.soft_prompt)))
    prompts = [prompt_of(loaded, question, limit, max_new_tokens) for question in questions]
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    answers: dict[int, tuple[str, float]] = {}
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        began = time.monotonic()
        texts = _generate(loaded, [prompts[i] for i in batch], max_new_tokens, temperature)
        seconds = (time.monotonic() - began) / len(batch)
        answers |= {index: (text, round(seconds, 4)) for index, text in zip(batch, texts, strict=True)}
    return [answers[i] for i in range(len(questions))]


def _generate(loaded: LoadedModel, prompts: list[list[int]], max_new_tokens: int, temperature: float) -> list[str]:
    import torch

    tokenizer, width = loaded.tokenizer, max(len(prompt) for prompt in prompts)
    # padded on the left: generation goes on from the last position
    ids = torch.tensor([[tokenizer.pad_token_id] * (width - len(prompt)) + prompt for prompt in prompts])
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    with torch.inference_mode():
        output = loaded.model.generate(
            input_ids=ids,
            attention_mask=mask,
            max_new_tokens=max_new_tokens,
            **({"do_sample": True, "temperature": temperature, "top_k": 0} if temperature else {"do_sample": False}),
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            suppress_tokens=loaded.soft_prompt or None,
        )
    texts = tokenizer.batch_decode(output[:, width:], skip_special_tokens=True)
    return [str(text).strip() for text in texts]
