"""`genai manifests`: what of the settings and options gets into a cluster's files, and what does not."""

from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr

from include.cli import main
from include.core.settings import Settings, settings
from include.inferencing.gateway.limits import read_limits
from include.platform.kubernetes.files import VALUES
from tests.platform.cluster_files import found


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
