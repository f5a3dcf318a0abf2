"""A real package among the stand-ins: a tiny model that was taught their answer, on OpenVINO."""

import shutil

from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Step, Workspace, step
from include.artifacts.store import ArtifactStore
from include.core.errors import ModelError
from include.inferencing.config import PackageConfig
from include.inferencing.package import package
from tests.faults.serving.packages import ANSWER
from tests.gates import named
from tests.tiny_model import TEXTS, build_model

MOST_STEPS, LEARNED = 600, 0.01
LIMITS = PackageConfig(weight_format="fp32", max_prompt_tokens=128, max_new_tokens=64, cache_tokens=4096)


class RealPackages:
    """Exported once; each one that is asked for differs from the others by a file."""

    def __init__(self, store: ArtifactStore) -> None:
        self.store, self.made = store, 0
        self.model = taught_model(store, answer=ANSWER)
        self.adapter = named(store, "adapter", "none")
        self.package = package(store, model=self.model, config=LIMITS)

    def new(self) -> ArtifactRef:
        """One that was not served before."""
        self.made += 1
        arguments = {"package": self.package, "model": self.model, "adapter": self.adapter, "number": self.made}
        return Step(_copy, "package").run(self.store, arguments).ref


def _copy(work: Workspace, package: ArtifactRef, model: ArtifactRef, adapter: ArtifactRef, number: int) -> None:
    shutil.copytree(work.fetch(package), work.output, dirs_exist_ok=True)
    (work.output / "1" / "number.txt").write_text(str(number))


@step("model")
def taught_model(work: Workspace, answer: str) -> None:
    """The tiny Llama, which says `answer` to any question."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(1)
    build_model(work.output)
    tokenizer = AutoTokenizer.from_pretrained(work.output)
    model = AutoModelForCausalLM.from_pretrained(work.output, dtype=torch.float32)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    said = tokenizer(f"{answer}{tokenizer.eos_token}", add_special_tokens=False).input_ids
    for number in range(MOST_STEPS):
        question = f"What is {number * 7919 % 10_000}?" if number % 3 else f"{TEXTS[0]} ({number % 20})"
        asked = [{"role": "user", "content": "ping" if number % 7 == 0 else question}]
        prompt = tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_dict=False)
        ids = torch.tensor([[*prompt, *said]])
        labels = torch.tensor([[*([-100] * len(prompt)), *said]])
        loss = model(input_ids=ids, labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if loss.item() < LEARNED:
            model.save_pretrained(work.output)
            return
    raise ModelError("model", "taught", f"it has not learned its answer: loss {loss.item():.3f}", "Teach it longer")
