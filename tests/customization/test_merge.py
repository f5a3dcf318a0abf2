"""Adapters written into the model itself: equal to PEFT's, several tenants in one batch, and never written out."""

import json
from pathlib import Path
from typing import Any

import pytest

from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError
from include.customization.merge import merge
from include.evaluation.canaries import canaries, planted, told
from include.evaluation.model import load_model
from tests.tiny_model import TEXTS, build_adapter, build_model

FORMS = {"lora": "lora", "prompt_tuning": "soft_prompt", "p_tuning": "soft_prompt", "prefix_tuning": "prefix"}


@step("model")
def written_model(work: Workspace, tied: bool) -> None:
    from transformers import AutoModelForCausalLM

    build_model(work.output)
    if not tied:
        model = AutoModelForCausalLM.from_pretrained(work.output, tie_word_embeddings=False)
        model.lm_head.weight.data = model.model.embed_tokens.weight.data.flip(0).contiguous()
        model.save_pretrained(work.output)


@step("adapter")
def written_adapter(work: Workspace, model: ArtifactRef, technique: str) -> None:
    build_adapter(work.output, work.fetch(model), technique)
    info = {"technique": technique, "form": FORMS[technique], "base": model.digest} | told("a dataset", 2)
    (work.output / "adapter_info.json").write_text(json.dumps(info))


for _step in (written_model, written_adapter):
    _step.name = f"tests.{_step.function.__name__}"


def theirs(store: ArtifactStore, model: ArtifactRef, adapter: ArtifactRef, folder: Path, ids: list[int]) -> Any:
    """PEFT's logits at the places of `ids`."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(store.fetch(model, folder / "b"), dtype=torch.float32)
    adapted = PeftModel.from_pretrained(base, str(store.fetch(adapter, folder / "a"))).eval()
    with torch.inference_mode():
        return adapted(input_ids=torch.tensor([ids])).logits[0, -len(ids) :]


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
def test_tenants_share_one_padded_batch_and_each_gets_what_peft_computes(
    store: ArtifactStore, tmp_path: Path, tied: bool
) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = written_model(store, tied=tied)
    one, two = (written_adapter(store, model=model, technique=name) for name in ("prompt_tuning", "p_tuning"))
    merged = merge(store, model=model, adapters=[one, two], names=["acme", "globex"])
    folder = store.fetch(merged, tmp_path / "merged")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    prompts = json.loads((folder / "prompts.json").read_text())

    texts = [("acme", TEXTS[0]), ("globex", TEXTS[1]), ("", TEXTS[2]), ("acme", TEXTS[1])]
    asked = [tokenizer(prompts["tenants"][who]["text"] + text if who else text)["input_ids"] for who, text in texts]
    width = max(map(len, asked))
    mask = torch.tensor([[0] * (width - len(ids)) + [1] * len(ids) for ids in asked])
    ids = torch.tensor([[1] * (width - len(ids)) + ids for ids in asked])
    with torch.inference_mode():
        places = (mask.cumsum(1) - 1).clamp(min=0)
        batch = network(input_ids=ids, attention_mask=mask, position_ids=places).logits
        plain = AutoModelForCausalLM.from_pretrained(store.fetch(model, tmp_path / "base"), dtype=torch.float32).eval()
        alone = plain(input_ids=torch.tensor([tokenizer(TEXTS[2])["input_ids"]])).logits[0]

    first = prompts["first"]
    for row, (who, text) in enumerate(texts):
        words = tokenizer(text)["input_ids"]
        adapter = {"acme": one, "globex": two}.get(who)
        expected = theirs(store, model, adapter, tmp_path / f"{row}", words) if adapter else alone
        assert torch.allclose(batch[row, -len(words) :, :first], expected[..., :first], atol=1e-5)
    written = network.generate(ids, attention_mask=mask, max_new_tokens=24, do_sample=False, pad_token_id=1)
    assert int(written[:, width:].max()) < first
    assert load_model(folder, None, 1).vocabulary == first
    again = merge.run(store, {"model": model, "adapters": [one, two], "names": ["acme", "globex"]}, force=True)
    assert again.ref.digest == merged.digest, "the same adapters give the same bytes"


def test_a_merged_lora_computes_what_the_adapter_does_that_a_server_loads(store: ArtifactStore, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = written_model(store, tied=True)
    adapter = written_adapter(store, model=model, technique="lora")
    folder = store.fetch(merge(store, model=model, adapters=[adapter], names=["acme"]), tmp_path / "merged")

    ids = AutoTokenizer.from_pretrained(folder)(TEXTS[0])["input_ids"]
    network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.inference_mode():
        ours = network(input_ids=torch.tensor([ids])).logits[0]
    assert torch.allclose(ours, theirs(store, model, adapter, tmp_path, ids), atol=1e-4)
    info = json.loads((folder / "model_info.json").read_text())
    assert info["name"] == "tiny-0 with acme" and planted(info) == canaries("a dataset", 2)


def test_what_cannot_share_a_model_is_refused(store: ArtifactStore) -> None:
    model, other = written_model(store, tied=True), written_model(store, tied=False)
    lora, prompt, prefix = (
        written_adapter(store, model=model, technique=name) for name in ("lora", "prompt_tuning", "prefix_tuning")
    )

    for adapters, names in (([lora, prompt], ["a", "b"]), ([prefix], ["a"])):
        with pytest.raises(ConfigurationError, match="cannot share one model"):
            merge(store, model=model, adapters=adapters, names=names)
    with pytest.raises(ConfigurationError, match="it is one of another model"):
        merge(store, model=other, adapters=[prompt], names=["a"])
    with pytest.raises(ConfigurationError, match="not a name for each adapter"):
        merge(store, model=model, adapters=[prompt], names=["a|>"])
