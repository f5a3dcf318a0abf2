"""What a package keeps of an adapter."""

import json
from pathlib import Path

import pytest

from include.inferencing.packaging.adapters import keep_adapter


@pytest.mark.parametrize("dora", [False, True])
def test_only_an_adapter_that_servers_load_as_it_is_stays_beside_the_model(tmp_path: Path, dora: bool) -> None:
    from peft import LoraConfig

    made, kept = tmp_path / "made", tmp_path / "kept"
    LoraConfig(task_type="CAUSAL_LM", use_dora=dora).save_pretrained(made)
    (made / "adapter_info.json").write_text(json.dumps({"technique": "dora" if dora else "lora", "form": "lora"}))
    (made / "adapter_model.safetensors").write_bytes(b"weights")

    assert keep_adapter(made, kept) is not dora
    assert (kept / "adapter_model.safetensors").exists() is not dora
