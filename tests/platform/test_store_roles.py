"""What each program does in the store, by the real S3 server under the policy of its role, and what it may not do."""

import re
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from include.artifacts.history import Place, now
from include.artifacts.step import Step
from include.artifacts.store import ArtifactStore
from include.cli import main
from include.core.errors import StoreAccessError
from include.core.settings import PROJECT_ROOT, settings
from include.data_preparation.labelling.annotations import Annotation, keep
from include.distributed.results import fetch_results
from include.inferencing import champion
from include.inferencing.control import Control
from include.inferencing.rollout import transitions
from include.inferencing.rollout.probes import questions
from include.inferencing.scaling.decide import Bounds
from include.inferencing.scaling.scaler import Rules, Scaler
from include.jobs.book import Job, JobBook, Runner
from include.jobs.ended import Ended
from include.jobs.request import JobRequest
from include.local import object_store
from include.local.compose_store import prepare_bucket
from include.local.serving_scaler import ServersElsewhere
from include.local.store_roles import policy, roles
from tests.conftest import ObjectStoreServer, free_ports
from tests.gates import put_in_service, rollout_of
from tests.inferencing.conftest import QUICK, run_of
from tests.platform.stored import gated, held_out, made, trained

REPOSITORY = "inferencing/repository"
ROLES = roles(REPOSITORY)
GUIDE = (PROJECT_ROOT / "docs" / "growing.md").read_text()
# Secret, as docs/growing.md and genai manifests name it -> the role of the user whose keys it holds
SECRETS = {
    "": "jobs",
    "triton": "triton",
    "gateway": "gateway",
    "serving-control": "serving",
    "serving-scaler": "scaler",
    "admin": "admin",
    "airflow-tasks": "workflow",
    "airflow-pages": "pages",
}
As = Callable[[str], ArtifactStore]


@pytest.fixture(scope="module")
def as_role(tmp_path_factory: pytest.TempPathFactory) -> Iterator[As]:
    """The store by the keys of a role; `root` may all."""
    server = ObjectStoreServer(tmp_path_factory.mktemp("roles"))
    server.admin = object_store.new_identity("root", "Admin", "Read", "Write", "List", "Tagging")
    users = {name: object_store.new_identity(name) for name in ROLES}
    policies = {name: policy(role, "genai") for name, role in ROLES.items()}
    object_store.write_identities(server.folder / "s3.json", server.admin, *users.values(), policies=policies)
    server.start()
    try:
        prepare_bucket(server.store().bucket, REPOSITORY)
        yield lambda name: server.store(None if name == "root" else users[name])
    finally:
        server.kill()


@pytest.fixture
def no_triton(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A port on which no Triton answers."""
    monkeypatch.setenv("GENAI_TRITON_URL", f"127.0.0.1:{free_ports(1)}")
    settings.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    settings.cache_clear()


def test_a_training_job_runs_and_tells_how_it_goes_and_ends(as_role: As, tmp_path: Path) -> None:
    store, step = as_role("jobs"), Step(trained, "model")
    step.name = "training.pretrain"
    source = made(as_role("root"), "dataset", "data_preparation.check", held_out)
    place = Place(use_case="roles", run_id="manual", as_of=now(), task=step.name)
    fingerprint = step.parts(store, {"source": source}).digest(step.name)
    request = JobRequest(step=step.name, name="pretrain", fingerprint=fingerprint, arguments={}, place=place)
    job = Job(start=1, back_end="kubernetes", request=request)
    tasks, book = JobBook(as_role("workflow").bucket), JobBook(store.bucket)
    assert tasks.write(job, None)
    mine = job.model_copy(update={"runner": Runner(host=socket.gethostname(), process="1")})
    assert book.write(mine, book.newest(request.key).version)
    book.beat(mine)
    book.add_lines(mine, 0, ["a line"])
    outcome = step.run(store, {"source": source}, place=place)
    book.end(mine, Ended.well(outcome))
    assert tasks.ended(job) and tasks.lines(job, 0) == ["a line"]
    assert as_role("pages").read(outcome.ref, "text.txt") == b"trained"
    assert fetch_results(store, step.name, "ab" * 32, tmp_path / "back")


def test_the_loop_of_serving_takes_up_a_rollout_and_copies_what_it_loads(
    as_role: As, no_triton: pytest.MonkeyPatch
) -> None:
    root, store, use_case = as_role("root"), as_role("serving"), "taken-up"
    candidate = gated(root, use_case, "new")
    put_in_service(root, run_of(use_case), gated(root, use_case, "old"))
    # nobody drives it
    transitions.start(root.bucket, rollout_of(run_of(use_case, 2), candidate, owner=""))
    control = Control(store)
    try:
        control.look()
        control.drivers[use_case].join()
    finally:
        control.stop()
    alias, _ = champion.read_alias(root.bucket, use_case)
    assert [one.what for one in alias.log][-1] == "taken_over"
    copied = {key.rpartition("/")[2] for key in root.bucket.keys(f"{REPOSITORY}/{candidate.model_name}/")}
    assert copied == {"config.pbtxt", "model_card.md"}
    assert control.trouble == {use_case: ""}
    assert questions(store, candidate, QUICK)[0].text == "Why?"


def test_the_scaler_decides(as_role: As) -> None:
    put_in_service(as_role("root"), run_of("scaled"), gated(as_role("root"), "scaled", "serves"))
    scaler = Scaler(as_role("scaler").bucket, ServersElsewhere(()), lambda: Rules({}, Bounds(2, 4, 1)))
    assert scaler.tick(datetime.now(UTC)).wanted == 2


def test_an_administrator_makes_keys_and_goes_back(
    as_role: As, no_triton: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, use_case = as_role("root"), "python_assistant"
    before, serves = gated(root, use_case, "before"), gated(root, use_case, "serves")
    for day, one in enumerate((before, serves), 1):
        put_in_service(root, run_of(use_case, day), one)
    for name, value in (as_role("admin").bucket.address.environment() | {"GENAI_STATE_FOLDER": str(tmp_path)}).items():
        no_triton.setenv(name, value)
    settings.cache_clear()
    assert main.main(["keys", "tenant", "acme", "--models", use_case]) == 0
    assert main.main(["keys", "create", "acme"]) == 0
    # all that is done in the store comes before Triton is asked for
    assert main.main(["rollback", use_case]) != 0
    assert "no Triton answers" in capsys.readouterr().err
    alias, _ = champion.read_alias(root.bucket, use_case)
    assert alias.rollout and alias.rollout.candidate.model_name == before.model_name
    assert root.bucket.holds(f"{REPOSITORY}/{before.model_name}/config.pbtxt")


def test_a_page_keeps_what_people_say(as_role: As) -> None:
    said = Annotation(document="a", digest="b", label="c", annotator="ann", via="page")
    assert keep(as_role("pages").bucket, "roles", said)


KEYS = {
    "aliases/a/champion.json": ("workflow", "serving", "admin"),
    "customization/gate/a": ("workflow",),
    "customization/tune/a": ("workflow", "jobs"),
    "data_preparation/check/a": ("workflow",),
    "feedback/a": ("workflow", "gateway"),
    "reviews/a": ("workflow", "pages"),
    "approvals/a": ("workflow",),
    "runs/a": ("workflow", "jobs"),
    "serving/access.json": ("workflow", "admin"),
    "serving/scale.json": ("workflow", "scaler"),
    "serving/traffic/a": ("workflow", "gateway"),
    f"{REPOSITORY}/a": ("workflow", "serving", "admin"),
}
READ = {
    "data_preparation/aggregate/a": ("workflow", "jobs", "pages"),
    "data_preparation/check/a": ("workflow", "jobs", "pages", "serving", "admin"),
    "feedback/a": ("workflow", "jobs", "pages", "gateway"),
    "serving/access.json": ("workflow", "jobs", "pages", "serving", "admin", "gateway"),
    f"{REPOSITORY}/a": ("workflow", "jobs", "pages", "serving", "admin", "triton"),
}


def test_each_role_writes_what_is_its_own_and_reads_no_more_than_it_needs(as_role: As) -> None:
    for key in {**KEYS, **READ}:
        as_role("root").bucket.put_bytes(key, b"{}")
    for key, who in KEYS.items():
        assert {name for name in ROLES if may(as_role(name).bucket.put_bytes, key, b"{}")} == {*who}, key
    for key, who in READ.items():
        assert {name for name in ROLES if may(as_role(name).bucket.get_bytes, key)} == {*who}, key


def test_the_guide_says_what_the_role_of_each_secret_may() -> None:
    rows = dict(re.findall(r"^\| `genai-?([\w-]*)` \| .+? \| (.*\b[rR]eads .+?) \|$", GUIDE, re.MULTILINE))
    assert set(rows) == set(SECRETS)
    for secret, text in rows.items():
        role = ROLES[SECRETS[secret]]
        found = re.search(r"[rR]eads (?P<reads>.+?)(?:; writes (?P<writes>.+?))?(?:\. |$)", text)
        assert found, secret
        for name, prefixes in (("reads", role.reads), ("writes", role.writes)):
            told = found[name] or ""
            assert set(re.findall(r"`(\S+?)\*?`", told)) == set(prefixes) - {""}, f"{secret} {name}"
            assert (told == "all") == (prefixes == ("",)), f"{secret} {name}"


def test_the_workflow_s_tasks_make_what_roles_name() -> None:
    folder = PROJECT_ROOT / "plugins" / "genai_airflow" / "task_groups"
    text = "\n".join(path.read_text() for path in sorted(folder.glob("*.py")))
    jobs = re.findall(r"RunJobOperator(?:\.partial)?\([^)]*?step=\"([\w.]+)\"", text)
    assert len(jobs) == len(re.findall(r"RunJobOperator(?:\.partial)?\(", text))
    assert {f"{step.replace('.', '/')}/" for step in jobs} <= set(ROLES["jobs"].writes)
    # what the gate judged by is what data_preparation hands on, and what a rollout asks by
    prepared = (folder / "data_preparation.py").read_text()
    [handed] = re.findall(r"^    return (\w+)\n\n\ndef _aggregate", prepared, re.MULTILINE)
    [dataset] = re.findall(rf"^        {handed} = prepare\(\s*\"(\w+)\"", prepared, re.MULTILINE)
    assert f"data_preparation/{dataset}/" in ROLES["serving"].reads


def may(act: Callable[..., Any], *arguments: Any) -> bool:
    try:
        act(*arguments)
    except StoreAccessError:
        return False
    return True
