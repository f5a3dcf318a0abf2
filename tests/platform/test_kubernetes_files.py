"""A cluster's files: against Kubernetes' models and the chart's fields, and what no pod of them may be or hold."""

import json
import re
from typing import Any

import pytest
from kubernetes import client

from include.cli import main
from include.core.errors import ConfigurationError
from include.core.settings import PROJECT_ROOT, Settings, read_settings
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


def test_the_image_of_the_cluster_changes_one_package_of_the_workflows() -> None:
    def pins(lock: str) -> dict[str, str]:
        return dict(re.findall(r"^([\w.-]+)(?:\[.*\])?==(\S+)", (PROJECT_ROOT / lock).read_text(), re.MULTILINE))

    own, main_lock = pins("include/platform/kubernetes/requirements.txt"), pins("requirements.txt")
    assert "apache-airflow-providers-cncf-kubernetes" in own
    assert own.keys() & main_lock.keys() == {"kubernetes"}
