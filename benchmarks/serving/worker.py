"""An engine in a process of its own, in its own environment: `worker.py ENGINE FOLDER THREADS`.

Reads {"questions": [...], "tokens": n} a line, answers {"tokens": n, "seconds": s, "first": [...]} a line.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Answer = tuple[int, list[float]]
Ask = Callable[[list[str], int], Answer]


def bare(folder: str, threads: int) -> Ask:
    """OpenVINO GenAI's pipeline with the package's settings, and its text, as a program would use it."""
    import openvino_genai as genai  # type: ignore[import-not-found,unused-ignore]

    limits = json.loads(Path(folder, "limits.json").read_text(encoding="utf-8"))
    scheduler = genai.SchedulerConfig()
    scheduler.num_kv_blocks = limits["cache_tokens"] // 32
    scheduler.max_num_seqs = limits["max_sequences"]
    scheduler.enable_prefix_caching = True
    pipe = genai.ContinuousBatchingPipeline(folder, scheduler, "CPU", {"INFERENCE_NUM_THREADS": threads})
    tokenizer = pipe.get_tokenizer()

    def ask(questions: list[str], tokens: int) -> Answer:
        started, handles = time.monotonic(), []
        for number, question in enumerate(questions):
            config = pipe.get_config()
            config.max_new_tokens, config.do_sample = tokens, False
            turns = [{"role": "user", "content": question}]
            text = tokenizer.apply_chat_template(turns, add_generation_prompt=True)
            ids = tokenizer.encode(text, add_special_tokens=False).input_ids
            handles.append(pipe.add_request(number, ids, config))
        first, written = [0.0] * len(handles), [list[int]() for _ in handles]
        while pipe.has_non_finished_requests():
            pipe.step()
            for number, handle in enumerate(handles):
                while handle.can_read():
                    first[number] = first[number] or time.monotonic() - started
                    for output in handle.read().values():
                        written[number] += output.generated_ids
        tokenizer.decode(written)
        return sum(map(len, written)), first

    return ask


def _loaded(folder: str, threads: int) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(threads)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True).eval()
    return model, AutoTokenizer.from_pretrained(folder, local_files_only=True, padding_side="left")


def generate(folder: str, threads: int) -> Ask:
    """transformers generate, all questions as one static batch."""
    import torch
    from transformers import LogitsProcessor, LogitsProcessorList

    model, tokenizer = _loaded(folder, threads)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token

    class Clock(LogitsProcessor):  # type: ignore[misc,unused-ignore]
        first = 0.0

        def __call__(self, input_ids: Any, scores: Any) -> Any:
            self.first = self.first or time.monotonic()
            return scores

    def ask(questions: list[str], tokens: int) -> Answer:
        started, clock = time.monotonic(), Clock()
        turns = [[{"role": "user", "content": question}] for question in questions]
        inputs = tokenizer.apply_chat_template(
            turns, add_generation_prompt=True, padding=True, return_dict=True, return_tensors="pt"
        )
        with torch.inference_mode():
            found = model.generate(
                **inputs, max_new_tokens=tokens, do_sample=False, logits_processor=LogitsProcessorList([clock])
            )
        new = found[:, inputs["input_ids"].shape[1] :]
        return int((new != tokenizer.pad_token_id).sum()), [clock.first - started] * len(questions)

    return ask


def continuous(folder: str, threads: int) -> Ask:
    """transformers' continuous batching."""
    from transformers import GenerationConfig

    model, tokenizer = _loaded(folder, threads)
    stop = tokenizer.eos_token_id
    config = GenerationConfig(do_sample=False, eos_token_id=stop, pad_token_id=stop, max_new_tokens=256)
    manager = model.init_continuous_batching(generation_config=config)
    manager.start()

    def ask(questions: list[str], tokens: int) -> Answer:
        started, first, total = time.monotonic(), dict[str, float](), 0
        left = set()
        for question in questions:
            turns = [{"role": "user", "content": question}]
            ids = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=True)["input_ids"]
            left.add(manager.add_request(ids, max_new_tokens=tokens, streaming=True))
        while left:
            result = manager.get_result(timeout=60)
            if result is None:
                raise SystemExit("continuous = no result: transformers' continuous batching has stopped")
            first.setdefault(result.request_id, time.monotonic() - started)
            if result.is_finished():
                left.discard(result.request_id)
                total += len(result.generated_tokens)
        return total, list(first.values())

    return ask


def main() -> None:
    """Serve lines until the input ends."""
    engine, folder, threads = sys.argv[1:]
    # libraries write to stdout; the answers have a channel of their own
    channel, sys.stdout = sys.stdout, sys.stderr
    ask = {"bare": bare, "generate": generate, "continuous": continuous}[engine](folder, int(threads))
    print("ready", file=channel, flush=True)
    for line in sys.stdin:
        wanted = json.loads(line)
        started = time.monotonic()
        tokens, first = ask(wanted["questions"], wanted["tokens"])
        told = {"tokens": tokens, "seconds": time.monotonic() - started, "first": first}
        print(json.dumps(told), file=channel, flush=True)


if __name__ == "__main__":
    main()
