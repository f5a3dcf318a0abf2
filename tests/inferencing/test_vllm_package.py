"""A package for Triton's vLLM backend: its files are right, and found wherever Triton copies them to."""

import json
from pathlib import Path

import pytest

from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.core.errors import ModelError
from include.inferencing.config import PackageConfig
from include.inferencing.package import package
from include.inferencing.packaging.checks import check_vllm
from include.inferencing.publish import publish
from include.inferencing.triton_client import TritonClient
from tests.inferencing.conftest import TritonServer
from tests.tiny_model import tiny_adapter, tiny_model

CONFIG = PackageConfig(engine="vllm", max_prompt_tokens=128, max_new_tokens=64)
# the same paths as NVIDIA's backend, which hands them to vLLM as they are
LOOKS = """
import json
from pathlib import Path
import numpy as np
import triton_python_backend_utils as pb

class TritonPythonModel:
    def initialize(self, args):
        folder = Path(args["model_repository"]) / args["model_version"]
        named = [json.loads((folder / "model.json").read_text())["model"]]
        named += json.loads((folder / "multi_lora.json").read_text()).values()
        self.found = ",".join(sorted(path.name for name in named for path in Path(name).glob("*.safetensors")))

    def execute(self, requests):
        for request in requests:
            outputs = [
                pb.Tensor("text_output", np.array([self.found.encode()], dtype=np.object_)),
                pb.Tensor("completion_tokens", np.array([1], dtype=np.int32)),
                pb.Tensor("prompt_tokens", np.array([1], dtype=np.int32)),
                pb.Tensor("finish_reason", np.array([b"stop"], dtype=np.object_)),
            ]
            sender = request.get_response_sender()
            sender.send(pb.InferenceResponse(outputs), flags=pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
"""


@pytest.fixture(scope="module")
def made(store: ArtifactStore) -> ArtifactRef:
    model = tiny_model(store, seed=0)
    tenants = [tiny_adapter(store, model=model, technique=one) for one in ("lora", "wide_lora", "prompt_tuning")]
    return package(store, model=model, config=CONFIG, tenants=tenants, names=["acme", "bolt", "crew"])


@step("package")
def looking(work: Workspace, made: ArtifactRef) -> None:
    """The package, with a backend that looks for the weights in the vLLM backend's place."""
    import shutil

    from include.inferencing.packaging import openvino

    shutil.copytree(work.fetch(made), work.output, dirs_exist_ok=True)
    (work.output / "1" / "model.py").write_text(LOOKS)
    kept = (work.output / "config.pbtxt").read_text().split("instance_group", 1)[1]
    place = kept[kept.index("parameters {\n") :]
    (work.output / "config.pbtxt").write_text(openvino.CONFIG + place)


def test_weights_are_found_wherever_triton_copies_the_package_to(
    store: ArtifactStore, triton: TritonServer, made: ArtifactRef
) -> None:
    publish(store, looking(store, made=made), "looking")
    with TritonClient(triton.address) as client:
        client.load("looking", 60)
        answer = "".join(piece.text for piece in client.stream("looking", "x", 1, 20))
        client.unload("looking")
    assert answer == "adapter_model.safetensors,adapter_model.safetensors,model.safetensors"


def test_its_files_say_what_vllm_and_the_gateway_need(store: ArtifactStore, made: ArtifactRef, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = store.fetch(made, tmp_path / "package")
    info, engine = (json.loads((folder / name).read_text()) for name in ("package_info.json", "1/model.json"))
    assert engine["max_model_len"] == 192 and engine["enable_prefix_caching"] and engine["max_lora_rank"] == 8
    assert info["engine"] == "vllm" and info["prompt_prefix"] == ""
    prefix = info["adapters"]["crew"]["prompt_prefix"]
    tokenizer = AutoTokenizer.from_pretrained(folder / "1" / "weights")
    tokens = tokenizer(prefix, add_special_tokens=False)["input_ids"]
    assert len(tokens) == 6 and {str(token) for token in tokens} == set(info["logit_bias"])
    rows = AutoModelForCausalLM.from_pretrained(folder / "1" / "weights").get_input_embeddings().weight.shape[0]
    assert rows > max(tokens)
    assert [(one["part"], one["name"], one["license"]) for one in info["licences"]] == [
        ("model", "tiny-0", "Apache-2.0"),
        *(("adapter", name, "Apache-2.0") for name in ("acme", "bolt", "crew")),
    ]
    assert json.loads((folder / "LICENSES" / "chain.json").read_text()) == info["licences"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"max_model_len": "192"}, "max_model_len"),
        ({"gpu_memory_utilization": 1.5}, "from 0.01 to 0.98"),
        ({"trust_remote_code": True}, "trust_remote_code"),
        ({"enable_prefix_cache": True}, "no argument of vLLM's"),
        ({"model": "elsewhere"}, "no such folder"),
        ({"max_lora_rank": 1}, "bolt has rank 8"),
    ],
)
def test_a_wrong_engine_argument_is_refused(
    store: ArtifactStore, made: ArtifactRef, tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    folder = store.fetch(made, tmp_path / "package") / "1"
    arguments = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(arguments | change))
    with pytest.raises(ModelError, match=reason):
        check_vllm(folder)


def test_a_dora_is_refused_live_with_the_remedy(store: ArtifactStore) -> None:
    model = tiny_model(store, seed=0)
    dora = tiny_adapter(store, model=model, technique="dora")
    with pytest.raises(ModelError, match=r"it is a DoRA.*adapter: merged"):
        package(store, model=model, adapter=dora, config=CONFIG.model_copy(update={"adapter": "live"}))
