"""The Kubernetes back end against a stand-in for the API server; its manifests against the models of the client."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from include.artifacts.history import Place, now
from include.artifacts.outcome import Outcome
from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError, JobFailedError
from include.core.processes import is_alive
from include.core.settings import Settings
from include.jobs.book import Job
from include.jobs.jobs import Jobs
from include.jobs.kubernetes_jobs import KubernetesJobs
from include.jobs.kubernetes_manifest import job_manifest, job_name
from include.jobs.request import JobRequest
from tests.jobs.asking import asked, eventually, rank, request, runs
from tests.jobs.cluster import Cluster, cluster
from tests.jobs.steps import seed

SETTINGS = {"jobs": "kubernetes", "kubernetes_image": "registry/genai:1", "kubernetes_secret": "genai-store"}


@pytest.fixture
def here(store: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    address = store.bucket.address
    secret = {"access_key": address.access_key, "secret_key": address.secret_key.get_secret_value()}
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    with cluster(secret, tmp_path) as made:
        yield made
        for folder in tmp_path.glob("step-*"):
            (folder / "go").touch()


def jobs_on(store: ArtifactStore, **changes: Any) -> Jobs:
    return Jobs(store, KubernetesJobs.configured(Settings.model_validate(SETTINGS | changes)))


def a_job() -> Job:
    place = Place(
        use_case="counting", run_id="manual__2026-11-27T00:00:00+00:00", as_of=now(), task="training.pretrain"
    )
    training = JobRequest(
        step="training.pretrain", name="training.pretrain", fingerprint="ab" * 32, arguments={}, place=place
    )
    return Job(start=12, back_end="kubernetes", request=training)


def read_back(manifest: dict[str, Any], model: str) -> Any:
    """A manifest as the client's model of it; what the model does not know is lost on the way."""
    from kubernetes.client import ApiClient, Configuration

    api = ApiClient(Configuration())
    found = api.deserialize(json.dumps(manifest), model, "application/json")
    assert api.sanitize_for_serialization(found) == manifest
    return found


@pytest.mark.parametrize("changes", [{}, {"kubernetes_gpus": 0}, {"kubernetes_nodes": 4, "kubernetes_gpus": 8}])
def test_manifests_are_what_kubernetes_knows_and_name_no_secret(changes: dict[str, Any]) -> None:
    settings = Settings.model_validate(SETTINGS | {"kubernetes_node_selector": "pool=gpu,zone=a"} | changes)
    environment = {"GENAI_S3_ENDPOINT": "store:9000", "GENAI_S3_ACCESS_KEY": "who", "GENAI_S3_SECRET_KEY": "hidden"}
    manifest = job_manifest(a_job(), environment, settings)
    job = read_back(manifest, "V1Job")

    assert "hidden" not in json.dumps(manifest) and '"who"' not in json.dumps(manifest)
    pod, container = job.spec.template.spec, job.spec.template.spec.containers[0]
    # a pod's host name is its Job's name, a dash and its index: 63 characters at most
    assert len(f"{job.metadata.name}-1023") < 63
    assert (job.spec.completions, job.spec.parallelism, job.spec.backoff_limit) == (settings.kubernetes_nodes,) * 2 + (
        0,
    )
    limit = container.resources.limits.get("nvidia.com/gpu")
    assert limit == (str(settings.kubernetes_gpus) if settings.kubernetes_gpus else None)
    assert pod.security_context.run_as_non_root and container.security_context.read_only_root_filesystem
    assert pod.node_selector == {"pool": "gpu", "zone": "a"}
    keys = {
        one.name: one.value_from.secret_key_ref
        for one in container.env
        if one.value_from and one.value_from.secret_key_ref
    }
    assert keys["GENAI_S3_SECRET_KEY"].name == "genai-store" and len(keys) == 2


def test_a_job_runs_in_a_pod_once_and_its_lines_and_end_come_through_the_store(
    store: ArtifactStore, here: Cluster, tmp_path: Path
) -> None:
    jobs, wanted = jobs_on(store), request(store, tmp_path / "step-0", "wait")
    job = jobs.submit(wanted)
    assert jobs.submit(wanted).id == job.id
    rank(tmp_path / "step-0")
    (tmp_path / "step-0" / "go").touch()
    lines = list[str]()

    assert jobs.watch(job, part=0, tell=lambda more, part: lines.extend(more), leave=lambda: False)
    outcome = jobs.take(job)
    assert isinstance(outcome, Outcome) and outcome.metrics == {"value": 0}
    assert "counted 0" in lines and any(job_name(job) in line for line in lines)
    assert (len(here.jobs), runs(tmp_path / "step-0")) == (1, 1)


def test_stopping_deletes_the_job_and_a_killed_pod_is_told(store: ArtifactStore, here: Cluster, tmp_path: Path) -> None:
    jobs = jobs_on(store)
    stopped, killed = (jobs.submit(request(store, tmp_path / f"step-{name}", "wait")) for name in (0, 1))
    ranks = [rank(tmp_path / f"step-{name}") for name in (0, 1)]
    os.kill(here.processes[job_name(killed)][0].pid, signal.SIGKILL)
    jobs.stop(stopped)
    jobs.stop(stopped)

    assert jobs.watch(killed, part=0, tell=lambda more, part: None, leave=lambda: False)
    with pytest.raises(JobFailedError, match="OOMKilled"):
        jobs.take(killed)
    eventually(lambda: not is_alive(ranks[0]))
    assert jobs.watch(stopped, part=0, tell=lambda more, part: None, leave=lambda: False)
    assert list(here.jobs) == [job_name(killed)]


def test_a_pod_that_cannot_be_placed_says_why_and_an_image_of_other_code_is_refused(
    store: ArtifactStore, here: Cluster, tmp_path: Path
) -> None:
    jobs = jobs_on(store)
    wanted = request(store, tmp_path / "step-0", "return").model_copy(update={"fingerprint": "0" * 64})
    job = jobs.submit(wanted)
    jobs.watch(job, part=0, tell=lambda more, part: None, leave=lambda: False)
    with pytest.raises(ConfigurationError, match="GENAI_KUBERNETES_IMAGE"):
        jobs.take(job)

    here.pods, told = "wait", list[str]()
    waiting = jobs.submit(request(store, tmp_path / "step-1", "return"))
    jobs.watch(waiting, part=0, tell=lambda more, part: told.extend(more), leave=lambda: bool(told))
    assert "Pending (0/3 nodes: insufficient nvidia.com/gpu)" in told[0]


def test_a_cluster_that_refuses_is_one_message_and_the_next_try_submits_again(
    store: ArtifactStore, here: Cluster, tmp_path: Path
) -> None:
    here.refuse = 403
    jobs, wanted = jobs_on(store), request(store, tmp_path / "step-0", "return")
    with pytest.raises(ConfigurationError, match="service account"):
        jobs.submit(wanted)
    here.refuse = 0
    job = jobs.submit(wanted)

    assert job.start == 2 and jobs.watch(job, part=0, tell=lambda more, part: None, leave=lambda: False)
    assert jobs.take(job).metrics == {"value": 0}


def test_without_an_image_nothing_is_submitted() -> None:
    with pytest.raises(ConfigurationError, match="GENAI_KUBERNETES_IMAGE"):
        KubernetesJobs.configured(Settings.model_validate(SETTINGS | {"kubernetes_image": ""}))


def test_the_pods_of_one_job_train_together(store: ArtifactStore, here: Cluster, tmp_path: Path) -> None:
    jobs, data = jobs_on(store, kubernetes_nodes=2), seed(store)
    job = jobs.submit(asked(store, "tests.jobs.steps:train", {"seed": data}))
    lines = list[str]()

    assert jobs.watch(job, part=0, tell=lambda more, part: lines.extend(more), leave=lambda: False)
    assert jobs.take(job).metrics == {"steps": 4}, lines
    assert any("127.0.0.2 (1 ranks), 127.0.0.3 (1 ranks)" in line for line in lines), lines
    assert [process.wait(60) for process in here.processes[job_name(job)]] == [0, 0]
