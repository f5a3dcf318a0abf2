"""A cluster's files: against Kubernetes' models and the chart's fields, and what no pod of them may be or hold."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client
from pydantic import SecretStr

from include.cli import main
from include.core.errors import ConfigurationError
from include.core.settings import PROJECT_ROOT, Settings, read_settings, settings
from include.inferencing.gateway.limits import read_limits
from include.platform.kubernetes.files import ADMIN_POD, VALUES
from tests.platform.airflow_chart import VALUES as FIELDS
from tests.platform.airflow_chart import differences
from tests.platform.cluster_files import (
    CLUSTER,
    RELEASE,
    Document,
    admin_pod,
    found,
    manifests,
    pods,
    task_pod,
    training_job,
    values,
)

GROUPS = {"autoscaling/v2": "V2"}
GUIDE = (PROJECT_ROOT / "docs" / "growing.md").read_text()
ROLLBACK = (PROJECT_ROOT / "docs" / "how-to" / "rollback.md").read_text()
# what Airflow's own programs have, and a task has not
AIRFLOW_KEYS = {"FERNET_KEY", "SQL_ALCHEMY_CONN", "JWT_SECRET", "SECRET_KEY", "airflow-keys", "airflow-database"}


def held_to_the_api(document: Document) -> None:
    """Raises where a field is not one of Kubernetes' API, is missing, or has a value of another type."""
    model = GROUPS.get(document["apiVersion"], "V1") + document["kind"]
    getattr(client, model).model_validate(document)


def secrets_read(document: Any) -> set[tuple[str, str]]:
    """Names and keys of Secrets that variables are read from."""
    if isinstance(document, list):
        return set().union(*map(secrets_read, document))
    if not isinstance(document, dict):
        return set()
    own = document.get("secretKeyRef")
    inner = set().union(*map(secrets_read, document.values())) if document else set()
    return inner | ({(own["name"], own["key"])} if own else set())


def test_every_manifest_is_what_kubernetes_knows() -> None:
    documents = [*manifests(), *found("hpa")["30-hpa.yaml"], task_pod(), training_job(), admin_pod()]
    kinds = {document["kind"] for document in documents}
    assert kinds >= {"Namespace", "ServiceAccount", "Role", "RoleBinding", "NetworkPolicy", "Deployment", "Service"}
    for document in documents:
        if document["kind"] != "ScaledObject":
            held_to_the_api(document)


def test_the_values_are_those_that_airflows_chart_knows() -> None:
    assert differences(values(), FIELDS, "values") == []
    assert differences({"workers": {"replicas": 1}}, FIELDS, "values") == ["values.workers.replicas: no such field"]


def test_one_autoscaler_is_written_and_kubectl_finds_no_values() -> None:
    assert [name for name in found("hpa") if "hpa" in name or "keda" in name] == ["30-hpa.yaml"]
    assert [name for name in found("keda") if "hpa" in name or "keda" in name] == ["30-keda.yaml"]
    # kubectl apply -f does not look into folders
    assert "/" in VALUES and "/" in ADMIN_POD
    assert all("/" not in name for name in found() if name not in (VALUES, ADMIN_POD))


@pytest.mark.parametrize("name", sorted(pods()))
def test_pods_keep_to_the_restricted_standard_and_have_limits(name: str) -> None:
    pod = pods()[name]
    [container] = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {next(iter(set(one) - {"name"})) for one in pod["volumes"]} <= {"emptyDir", "configMap", "secret"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    assert pod["enableServiceLinks"] is False
    assert container["resources"]["limits"]["memory"] and container["resources"]["requests"]["cpu"]
    # Airflow writes its home beside its configuration
    assert name == "task" or container["securityContext"]["readOnlyRootFilesystem"]


def test_a_program_has_the_token_of_the_cluster_only_where_it_starts_jobs() -> None:
    accounts = {one["metadata"]["name"]: one for one in manifests() if one["kind"] == "ServiceAccount"}
    used = {name: pod["serviceAccountName"] for name, pod in pods().items()}
    assert used | {"task": "genai-tasks", "job": "genai-training"} == used
    assert set(used.values()) == set(accounts)
    assert [name for name, one in accounts.items() if one["automountServiceAccountToken"]] == ["genai-tasks"]


def test_tasks_may_do_with_the_cluster_what_the_code_does_and_no_more() -> None:
    [role] = (one for one in manifests() if one["kind"] == "Role")
    allowed = {(verb, kind) for rule in role["rules"] for verb in rule["verbs"] for kind in rule["resources"]}
    code = (PROJECT_ROOT / "include" / "jobs" / "kubernetes_jobs.py").read_text()
    calls = re.findall(r"\.(create|read|delete|list)_namespaced_(job|pod)\(", code)
    assert allowed == {({"read": "get"}.get(verb, verb), f"{kind}s") for verb, kind in calls}


def test_a_task_has_none_of_airflows_keys_and_a_program_only_its_own_secret() -> None:
    read = secrets_read(task_pod())
    assert {name for name, _ in read} == {RELEASE.secrets["tasks"]}
    assert not any(word in json.dumps(task_pod()) for word in AIRFLOW_KEYS)
    for name in CLUSTER.secrets:
        assert {secret for secret, _ in secrets_read(pods()[name])} == {CLUSTER.secrets[name]}
    # of Airflow's programs, the one with the pages reads the store, by a user of its own
    components = {name: secrets_read(values()[name]) for name in ("scheduler", "dagProcessor", "triggerer")}
    assert set().union(*components.values()) == set()
    assert {name for name, _ in secrets_read(values()["apiServer"])} == {RELEASE.secrets["pages"]}


def test_keys_of_the_gateway_are_made_by_a_pod_that_may_write_who_asks() -> None:
    assert admin_pod()["spec"]["restartPolicy"] == "Never" and admin_pod()["spec"]["activeDeadlineSeconds"] == 3600
    lines = re.findall(r"^ *kubectl (.*)include\.cli\.main (.+)$", GUIDE + ROLLBACK, re.MULTILINE)
    assert {line.split()[0] for _, line in lines} == {"keys", "rollback"}
    for where, line in lines:
        assert "exec -it admin -- " in where
        main.parser().parse_args(line.split())


def test_calls_of_the_guide_name_their_namespace() -> None:
    calls = re.findall(r"\bkubectl\s+((?:-n genai\s+)?)(exec|delete|wait|create\s+secret)\b", GUIDE)
    assert {verb.split()[0] for _, verb in calls} == {"exec", "delete", "wait", "create"}
    assert [options for options, _ in calls if not options] == []


def test_the_guide_lists_every_secret_and_key_that_pods_read() -> None:
    rows = re.findall(r"^\| `genai(?:-([\w-]+))?` \| (.+?) \|", GUIDE, re.MULTILINE)
    listed = {(program, key) for program, keys in rows for key in re.findall(r"`([\w-]+)`", keys)}
    names = {name: program for program, name in CLUSTER.secrets.items()}
    names |= {name: f"airflow-{program}" for program, name in RELEASE.secrets.items()} | {"store-jobs": ""}
    judge = {("airflow-tasks", "judge_api_key")}
    read = {(names[name], key) for name, key in secrets_read([list(pods().values()), values()])}
    chart = {("airflow-database", "connection")}
    chart |= {("airflow-keys", key) for key in ("fernet-key", "api-secret-key", "jwt-secret")}
    assert listed == read | judge | chart


def test_settings_and_options_that_the_guide_names_exist(capsys: pytest.CaptureFixture[str]) -> None:
    named = set(re.findall(r"\bGENAI_(\w+[a-zA-Z])\b", GUIDE)) - {"KUBERNETES"}
    assert named and {name.lower() for name in named} <= set(Settings.model_fields)
    with pytest.raises(SystemExit):
        main.main(["manifests", "--help"])
    options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    calls = set(re.findall(r"`(--[a-z-]+)[^`]*`", GUIDE))
    assert {"--task-cpu", "--logs"} <= calls <= options


def test_jobs_of_a_cluster_are_refused_before_anything_starts_where_pods_lack_what_they_need() -> None:
    said = {"GENAI_JOBS": "kubernetes", "GENAI_KUBERNETES_IMAGE": "w:1", "GENAI_KUBERNETES_SECRET": "genai"}
    assert read_settings(said).jobs == "kubernetes"
    for name in said.keys() - {"GENAI_JOBS"}:
        with pytest.raises(ConfigurationError, match=f"{name}.*GENAI_JOBS=kubernetes needs it.*Set {name}"):
            read_settings(said | {name: ""})


def test_training_jobs_go_to_gpu_nodes_and_serving_to_the_nodes_that_are_named() -> None:
    for name in ("job", "triton"):
        assert pods()[name]["nodeSelector"] == {"pool": "gpu"}
        assert pods()[name]["tolerations"][0]["key"] == "nvidia.com/gpu"
    assert "tolerations" not in pods()["gateway"]
    assert "airflow pools set accelerator 16" in values()["migrateDatabaseJob"]["args"][-1]


def test_the_command_writes_the_same_files_each_time_and_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"S3_ENDPOINT": "minio:9000", "KUBERNETES_IMAGE": "w:1", "KUBERNETES_SECRET": "store"}
    given |= {"S3_SECRET_KEY": "hidden-value", "TEXT_API_KEY": "hidden-value", "TEXT_ENDPOINT": "https://llm/v1"}
    for name, value in given.items():
        monkeypatch.setenv(f"GENAI_{name}", value)
    settings.cache_clear()
    for folder in ("one", "two"):
        assert main.main(["manifests", "--out", str(tmp_path / folder), "--secret", "gateway=front"]) == 0
    said = capsys.readouterr().out
    assert "kubectl apply -f" in said
    assert "helm repo add apache-airflow https://airflow.apache.org\n  helm upgrade --install" in said
    one, two = (
        {str(path.relative_to(tmp_path / folder)): path.read_text() for path in (tmp_path / folder).rglob("*.yaml")}
        for folder in ("one", "two")
    )
    assert one == two and set(one) == set(found())
    assert not any("hidden-value" in text for text in one.values())
    assert "name: front" in one["30-gateway.yaml"] and "name: store-triton" in one["30-triton.yaml"]
    assert {document["kind"] for document in yaml.safe_load_all(one["30-triton.yaml"])} == {
        "Deployment",
        "Service",
        "PodDisruptionBudget",
    }
    for name, value, problem in (("SECRET", "", "GENAI_KUBERNETES_SECRET"), ("IMAGE", "w:latest", "names no version")):
        with monkeypatch.context() as changed:
            changed.setenv(f"GENAI_KUBERNETES_{name}", value)
            settings.cache_clear()
            assert main.main(["manifests", "--out", str(tmp_path)]) == main.BAD_INPUT
            assert problem in capsys.readouterr().err
    monkeypatch.undo()
    settings.cache_clear()


def test_gateways_get_the_limits_of_the_settings_and_a_drain_that_fits_their_pods(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"S3_ENDPOINT": "minio.storage.svc:9000", "KUBERNETES_IMAGE": "w:1", "KUBERNETES_SECRET": "genai"}
    for name, value in (given | {"GATEWAY_LIMITS": "details_to_all=true,waiting=9"}).items():
        monkeypatch.setenv(f"GENAI_{name}", value)
    settings.cache_clear()
    assert main.main(["manifests", "--out", str(tmp_path)]) == 0
    deployed = next(yaml.safe_load_all((tmp_path / "30-gateway.yaml").read_text()))["spec"]["template"]["spec"]
    told = [one["value"] for one in deployed["containers"][0]["env"] if one["name"] == "GENAI_GATEWAY_LIMITS"]
    limits = read_limits(*told)
    assert (limits.details_to_all, limits.waiting) == (True, 9)
    assert limits.drain < deployed["terminationGracePeriodSeconds"]
    for wrong, problem in (("drain=9", "Leave drain out"), ("waitings=9", "Known: ")):
        monkeypatch.setenv("GENAI_GATEWAY_LIMITS", wrong)
        settings.cache_clear()
        assert main.main(["manifests", "--out", str(tmp_path)]) == main.BAD_INPUT
        assert problem in capsys.readouterr().err
    monkeypatch.undo()
    settings.cache_clear()


def test_no_secret_setting_is_in_a_value_and_tasks_get_those_of_mlflow_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = [name for name, field in Settings.model_fields.items() if field.annotation is SecretStr]
    assert {"mlflow_password", "mlflow_token", "s3_secret_key", "gateway_key"} <= set(secret)
    given = {"S3_ENDPOINT": "minio.storage.svc:9000", "KUBERNETES_IMAGE": "w:1", "KUBERNETES_SECRET": "genai"}
    given |= {"MLFLOW_URL": "http://mlflow.tracking.svc:5000", "MLFLOW_USER": "writer"}
    given |= {name.upper(): "hidden-value-of-32-characters-xx" for name in secret}
    for name, value in given.items():
        monkeypatch.setenv(f"GENAI_{name}", value)
    settings.cache_clear()
    assert main.main(["manifests", "--out", str(tmp_path)]) == 0
    monkeypatch.undo()
    settings.cache_clear()
    text = (tmp_path / VALUES).read_text()
    assert "hidden-value" not in text and "***" not in text
    told = {one["name"]: one["value"] for one in yaml.safe_load(text)["env"]}
    assert told["GENAI_MLFLOW_USER"] == "writer" and not {f"GENAI_{name.upper()}" for name in secret} & told.keys()
    pod = yaml.safe_load(yaml.safe_load(text)["podTemplate"].replace("{{", "").replace("}}", ""))
    [container] = pod["spec"]["containers"]
    from_secret = {one["name"]: one["valueFrom"]["secretKeyRef"] for one in container["env"] if "valueFrom" in one}
    # who has a token needs no password, and the other way round: a key that is not there keeps no pod from starting
    for name in ("mlflow_password", "mlflow_token"):
        wanted = {"name": "genai-airflow-tasks", "key": name, "optional": True}
        assert from_secret[f"GENAI_{name.upper()}"] == wanted


def test_the_command_takes_the_stores_addresses_and_says_where_it_was_told_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"S3_ENDPOINT": "s3.example:443", "S3_SECURE": "true", "KUBERNETES_IMAGE": "w:1"}
    for name, value in (given | {"KUBERNETES_SECRET": "store"}).items():
        monkeypatch.setenv(f"GENAI_{name}", value)
    settings.cache_clear()
    line = ["manifests", "--out", str(tmp_path)]
    assert main.main(line) == 0
    assert "--store-cidr says which" in capsys.readouterr().out
    assert main.main([*line, "--store-cidr", "10.20.0.0/24"]) == 0
    assert "--store-cidr" not in capsys.readouterr().out
    assert "cidr: 10.20.0.0/24" in (tmp_path / "20-network.yaml").read_text()
    for wrong, problem in (("10.20.0.1/24", "has host bits set"), ("0.0.0.0/0", "metadata service")):
        with pytest.raises(SystemExit):
            main.main([*line, "--store-cidr", wrong])
        assert problem in " ".join(capsys.readouterr().err.split())
    monkeypatch.undo()
    settings.cache_clear()


def test_the_image_of_the_cluster_changes_one_package_of_the_workflows() -> None:
    def pins(lock: str) -> dict[str, str]:
        return dict(re.findall(r"^([\w.-]+)(?:\[.*\])?==(\S+)", (PROJECT_ROOT / lock).read_text(), re.MULTILINE))

    own, main_lock = pins("include/platform/kubernetes/requirements.txt"), pins("requirements.txt")
    assert "apache-airflow-providers-cncf-kubernetes" in own
    assert own.keys() & main_lock.keys() == {"kubernetes"}
