"""vLLM in a process of its own: `worker.py check` or `worker.py measure` in a package's version folder.

measure: reads [{"questions": [...], "tokens": n}, ...], writes [{"tokens": n, "seconds": s, "first": [...]}, ...].
"""

import asyncio
import inspect
import json
import sys
import time
from pathlib import Path
from typing import Any


def check() -> dict[str, Any]:
    """Arguments of model.json that the installed vllm does not know, and its version."""
    import vllm  # type: ignore[import-not-found,unused-ignore]
    from vllm.engine.arg_utils import AsyncEngineArgs  # type: ignore[import-not-found,unused-ignore]

    arguments = json.loads(Path("model.json").read_text(encoding="utf-8"))
    known = inspect.signature(AsyncEngineArgs).parameters
    unknown = sorted(set(arguments) - set(known))
    AsyncEngineArgs(**{name: value for name, value in arguments.items() if name in known})
    return {"version": vllm.__version__, "unknown": unknown}


async def measure(wanted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each entry's questions together, one entry after the other."""
    from vllm.engine.arg_utils import AsyncEngineArgs  # type: ignore[import-not-found,unused-ignore]
    from vllm.v1.engine.async_llm import AsyncLLM  # type: ignore[import-not-found,unused-ignore]

    engine = AsyncLLM.from_engine_args(AsyncEngineArgs(**json.loads(Path("model.json").read_text(encoding="utf-8"))))
    try:
        tokenizer = await _tokenizer(engine)
        found = []
        for number, entry in enumerate(wanted):
            started = time.monotonic()
            answers = await asyncio.gather(
                *(
                    _ask(engine, tokenizer, question, entry["tokens"], f"{number}-{i}", started)
                    for i, question in enumerate(entry["questions"])
                )
            )
            seconds = time.monotonic() - started
            found.append(
                {"tokens": sum(one for one, _ in answers), "seconds": seconds, "first": [first for _, first in answers]}
            )
        return found
    finally:
        engine.shutdown()


async def _tokenizer(engine: Any) -> Any:
    found = engine.get_tokenizer()
    return await found if inspect.isawaitable(found) else found


async def _ask(engine: Any, tokenizer: Any, question: str, tokens: int, name: str, started: float) -> tuple[int, float]:
    from vllm import SamplingParams  # type: ignore[import-not-found,unused-ignore]
    from vllm.sampling_params import RequestOutputKind  # type: ignore[import-not-found,unused-ignore]

    turns = [{"role": "user", "content": question}]
    prompt = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    sampling = SamplingParams(temperature=0.0, max_tokens=tokens, output_kind=RequestOutputKind.DELTA)
    count, first = 0, 0.0
    async for output in engine.generate(prompt, sampling, name):
        first = first or time.monotonic() - started
        count += len(output.outputs[0].token_ids)
    return count, first


def main() -> None:
    """One line of JSON at the end of the output."""
    if sys.argv[1] == "check":
        print(json.dumps(check()))
    else:
        print(json.dumps(asyncio.run(measure(json.load(sys.stdin)))))


if __name__ == "__main__":
    main()
