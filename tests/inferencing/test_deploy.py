"""From a model to a champion that answers, on a real tritonserver."""

import hashlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from include.artifacts.history import now
from include.artifacts.ref import ArtifactRef, artifact_prefix
from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError, ModelError, ServerUnavailableError
from include.core.settings import settings
from include.evaluation.prompt import prompt_ids
from include.inferencing import champion
from include.inferencing.publish import publish
from include.inferencing.triton_client import TritonClient
from tests.asking import ask
from tests.gates import put_in_service, serving_of
from tests.inferencing.conftest import QUICK, TECHNIQUES, TritonServer, deploy, run_of
from tests.tiny_model import TEXTS, tiny_adapter, tiny_model


def expected_answer(store: ArtifactStore, folder: Path, seed: int, technique: str, question: str, tokens: int) -> str:
    """What PEFT itself answers, greedily; with examples, what the model does."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model_ref = tiny_model(store, seed=seed)
    base = store.fetch(model_ref, folder / "model")
    adapter = store.fetch(tiny_adapter(store, model=model_ref, technique=technique), folder / "adapter")
    model, tokenizer = (
        AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32),
        AutoTokenizer.from_pretrained(base),
    )
    shown: list[tuple[str, str]] = []
    if technique == "few_shot":
        shown = [(row["question"], row["answer"]) for row in json.loads((adapter / "examples.json").read_text())]
    else:
        model = PeftModel.from_pretrained(model, adapter).eval()
    ids = prompt_ids(tokenizer, question, shown)
    written: list[int] = []
    with torch.inference_mode():
        while len(written) < tokens:
            token = int(model(input_ids=torch.tensor([ids + written])).logits[0, -1].argmax())
            written.append(token)
            if token == tokenizer.eos_token_id:
                break
    return str(tokenizer.decode(written, skip_special_tokens=True))


@pytest.mark.parametrize("index", range(len(TECHNIQUES)), ids=TECHNIQUES)
def test_the_champion_answers_what_peft_answers(
    store: ArtifactStore, packages: list[ArtifactRef], use_case: str, tmp_path: Path, index: int
) -> None:
    outcome = deploy(store, packages[index], run_of(use_case), QUICK)
    answer = "".join(ask(TEXTS[0], use_case, store, settings().triton_address, max_tokens=24))

    assert answer == expected_answer(store, tmp_path, 0, TECHNIQUES[index], TEXTS[0], 24)
    assert not outcome.reused and outcome.metrics["first_token_ms"] > 0
    assert deploy(store, packages[index], run_of(use_case), QUICK).reused
    kept = {entry.path for entry in store.manifest(packages[index]).files if entry.path.startswith("1/adapter/")}
    live = {f"1/adapter/{name}" for name in ("adapter_config.json", "adapter_info.json", "adapter_model.safetensors")}
    assert kept == (live if TECHNIQUES[index] == "lora" else set())


def test_a_new_champion_replaces_the_old_one(
    store: ArtifactStore, triton: TritonServer, packages: list[ArtifactRef], use_case: str
) -> None:
    first = deploy(store, packages[0], run_of(use_case), QUICK)
    second = deploy(store, packages[1], run_of(use_case), QUICK)
    current = champion.read(store.bucket, use_case)

    assert current and current.previous
    assert (current.package, current.previous.package) == (packages[1], packages[0])
    with TritonClient(triton.address) as client:
        assert client.ready(str(second.metrics["model"]))
        assert not client.ready(str(first.metrics["model"]))
    back = deploy(store, packages[0], run_of(use_case), QUICK)
    assert not back.reused and back.metrics["answer"] == first.metrics["answer"]


def test_concurrent_deployments_of_one_package_agree(
    store: ArtifactStore, triton: TritonServer, packages: list[ArtifactRef], use_case: str
) -> None:
    start = threading.Barrier(4)

    def run(_: int) -> str:
        start.wait()
        return str(deploy(store, packages[0], run_of(use_case), QUICK).metrics["answer"])

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(run, range(4)))
    current = champion.read(store.bucket, use_case)

    assert len(set(answers)) == 1
    assert current and current.package == packages[0] and current.previous is None


def test_a_deployment_killed_after_its_copies_or_its_swap_finishes(
    store: ArtifactStore, triton: TritonServer, packages: list[ArtifactRef], use_case: str
) -> None:
    deploy(store, packages[0], run_of(use_case), QUICK)
    publish(store, packages[1], champion.model_name(use_case, packages[1]))
    store.bucket.delete([f"{settings().model_repository}/{champion.model_name(use_case, packages[1])}/config.pbtxt"])
    serving = serving_of(store, use_case, packages[1])
    put_in_service(store, run_of(use_case), serving)

    deploy(store, packages[1], run_of(use_case), QUICK)
    with TritonClient(triton.address) as client:
        assert client.ready(serving.model_name)
        assert not client.ready(champion.model_name(use_case, packages[0]))


def test_an_old_interval_that_finishes_last_does_not_move_the_champion(
    store: ArtifactStore, triton: TritonServer, packages: list[ArtifactRef], use_case: str
) -> None:
    judged(store, use_case, 2, packages[1], passed=True)
    deploy(store, packages[1], run_of(use_case, 2), QUICK)
    judged(store, use_case, 1, packages[0], passed=True)
    late = deploy(store, packages[0], run_of(use_case, 1), QUICK)

    current = champion.read(store.bucket, use_case)
    assert current and current.package == packages[1] and current.previous is None
    assert late.metrics["deployed"] is False
    assert late.reason.startswith("ran: not deployed, the verdict of run day-2 (as of 2026-01-02")
    with TritonClient(triton.address) as client:
        assert not client.ready(champion.model_name(use_case, packages[0]))


def test_an_old_interval_does_not_move_the_champion_past_a_newer_gate_that_was_missed(
    store: ArtifactStore, packages: list[ArtifactRef], use_case: str
) -> None:
    judged(store, use_case, 1, packages[0], passed=True)
    deploy(store, packages[0], run_of(use_case, 1), QUICK)
    judged(store, use_case, 3, packages[1], passed=False)

    assert not deploy(store, packages[1], run_of(use_case, 2), QUICK).metrics["deployed"]
    current = champion.read(store.bucket, use_case)
    assert current and current.package == packages[0]
    assert deploy(store, packages[1], run_of(use_case, 4), QUICK).metrics["deployed"]


def judged(store: ArtifactStore, use_case: str, day: int, report: ArtifactRef, *, passed: bool) -> bool:
    run = run_of(use_case, day)
    return champion.judge(store.bucket, use_case, champion.Verdict(**dict(run), passed=passed, report=report, at=now()))


def broken(store: ArtifactStore, source: ArtifactRef, folder: Path, path: str, content: bytes) -> ArtifactRef:
    """`source` with one file replaced, committed."""
    store.fetch(source, folder)
    (folder / path).write_bytes(content)
    (folder / "report.html").write_text("")
    manifest = store.manifest(source)
    fingerprint = hashlib.sha256(path.encode()).hexdigest()
    attempt, files = store.upload(artifact_prefix(manifest.step, fingerprint), folder)
    update = {"fingerprint": fingerprint, "attempt": attempt, "files": files}
    return store.commit(manifest.model_copy(update=update)).ref


@pytest.mark.parametrize(
    ("path", "content", "reason"),
    [
        ("config.pbtxt", b"backend: [", "failed to poll"),
        ("1/model.py", b"raise RuntimeError('no such weights')", "no such weights"),
        ("1/openvino_model.xml", b"<net", "openvino_model.xml|parse|XML"),
    ],
)
def test_a_package_that_does_not_load_leaves_the_champion(
    store: ArtifactStore,
    triton: TritonServer,
    packages: list[ArtifactRef],
    use_case: str,
    tmp_path: Path,
    path: str,
    content: bytes,
    reason: str,
) -> None:
    deploy(store, packages[0], run_of(use_case), QUICK)
    bad = broken(store, packages[1], tmp_path, path, content)
    with pytest.raises(ModelError, match=reason):
        deploy(store, bad, run_of(use_case), QUICK)
    current = champion.read(store.bucket, use_case)

    assert current and current.package == packages[0]
    assert "".join(ask(TEXTS[0], use_case, store, triton.address, max_tokens=8))
    with TritonClient(triton.address) as client:
        assert not client.ready(champion.model_name(use_case, bad))


@pytest.mark.parametrize(
    ("question", "tokens", "reason"),
    [
        (" \n", 8, "the question is empty"),
        ("x" * 4000, 8, "at most 128 are allowed"),
        ("x" * 1_000_000, 8, "at most 128 are allowed"),
        ("Why?", 0, "must be from 1 to 64"),
        ("Why?", 65, "must be from 1 to 64"),
    ],
)
def test_a_bad_request_is_refused_with_its_reason(
    store: ArtifactStore,
    triton: TritonServer,
    packages: list[ArtifactRef],
    use_case: str,
    question: str,
    tokens: int,
    reason: str,
) -> None:
    deploy(store, packages[0], run_of(use_case), QUICK)
    model = champion.model_name(use_case, packages[0])
    with TritonClient(triton.address) as client, pytest.raises(ModelError, match=reason):
        list(client.stream(model, question, tokens, 20))


def test_many_at_once_and_a_cancelled_one(
    store: ArtifactStore, triton: TritonServer, packages: list[ArtifactRef], use_case: str
) -> None:
    deploy(store, packages[0], run_of(use_case), QUICK)
    model = champion.model_name(use_case, packages[0])
    questions = [f"What is {i}?" for i in range(12)]

    def answer(question: str) -> str:
        with TritonClient(triton.address) as client:
            return "".join(piece.text for piece in client.stream(model, question, 24, 30))

    alone = [answer(question) for question in questions]
    with TritonClient(triton.address) as client:
        abandoned = client.stream(model, questions[0], 64, 30)
        next(abandoned)
        abandoned.close()
    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(answer, questions)) == alone


def test_questions_without_a_champion_or_a_server_say_so(store: ArtifactStore, triton: TritonServer) -> None:
    with pytest.raises(ModelError, match="has no champion yet"):
        next(ask("Why?", "unknown", store, triton.address))
    with pytest.raises(ConfigurationError, match="the question is empty"):
        next(ask("  ", "unknown", store, triton.address))
    with pytest.raises(ServerUnavailableError, match="Triton does not answer"), TritonClient("127.0.0.1:9") as client:
        client.check()
