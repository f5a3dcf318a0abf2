"""Trains and asks a small Llama, and prints the seconds that took: `python training.py WIDTH LAYERS STEPS`."""

import sys
import time

import torch
from transformers import LlamaConfig, LlamaForCausalLM


def main() -> None:
    """Print the seconds of so many steps and as many tokens of an answer, loading not counted."""
    width, layers, steps = map(int, sys.argv[1:])
    heads = width // 32
    shape = {"hidden_size": width, "num_attention_heads": heads, "num_key_value_heads": heads}
    model = LlamaForCausalLM(
        LlamaConfig(vocab_size=4096, intermediate_size=2 * width, num_hidden_layers=layers, **shape)
    )
    tokens = torch.randint(0, 4096, (2, 64))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    started = time.monotonic()
    for _ in range(steps):
        model(tokens, labels=tokens).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.generate(tokens[:1, :8], max_new_tokens=steps, do_sample=False, pad_token_id=0)
    print(time.monotonic() - started)


if __name__ == "__main__":
    main()
