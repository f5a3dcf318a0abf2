"""Names that would lead elsewhere: of use cases, of files in a manifest, of artifacts, in a wheel that is unpacked."""

import subprocess
import sys
import uuid
import zipfile
from pathlib import Path

import pytest

from include.artifacts.ref import split_prefix
from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError, CorruptedArtifactError
from include.core.settings import PROJECT_ROOT
from include.local.install import unpack
from include.use_cases import load_use_case
from tests.artifacts.sample_step import sample_step

HOSTILE = ["../use_cases/python_assistant", "/etc/passwd", "python_assistant/../python_assistant", "a\nb", "a\x00b", ""]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_use_case_is_one_of_its_folder(name: str) -> None:
    with pytest.raises(ConfigurationError, match="there is no such use case"):
        load_use_case(name)


def test_the_command_line_takes_no_path_for_a_use_case_and_says_so_in_one_line() -> None:
    line = [sys.executable, "-m", "include.cli.main", "plan", "../../etc/passwd"]
    done = subprocess.run(line, capture_output=True, text=True, cwd=PROJECT_ROOT)
    assert done.returncode != 0 and "Traceback" not in done.stderr


@pytest.mark.parametrize("path", ["../evil.txt", "/tmp/evil.txt", "a/../../evil.txt"])
def test_a_manifest_writes_no_file_outside_of_the_folder_that_it_is_fetched_to(
    store: ArtifactStore, tmp_path: Path, path: str
) -> None:
    ref = sample_step(store, text=uuid.uuid4().hex)
    manifest = store.manifest(ref)
    files = tuple(entry.model_copy(update={"path": path}) for entry in manifest.files[:1])
    hostile = manifest.model_copy(update={"files": files})
    store.bucket.put_bytes(f"{ref.prefix}/manifest.json", hostile.model_dump_json().encode())
    with pytest.raises(CorruptedArtifactError, match="leaves the artifact's folder"):
        ArtifactStore(store.bucket.address, retries=2).fetch(hostile.ref, tmp_path / "inner" / "fetched")
    assert not list(tmp_path.rglob("evil.txt")) and not Path("/tmp/evil.txt").exists()


@pytest.mark.parametrize("key", ["runs/x", "aliases/y", "runs/" + "a" * 64 + "/f", "step/" + "g" * 64 + "/f", "a" * 64])
def test_what_is_no_key_of_an_artifact_is_told_from_one(key: str) -> None:
    assert split_prefix(key) is None


def test_a_wheel_writes_below_its_folder_only(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / "evil-1.whl", "w") as archive:
        archive.writestr("../../outside.txt", "x")
        archive.writestr("/absolute.txt", "x")
        archive.writestr("inside.txt", "x")
    folder = unpack(wheels, "evil-*.whl", tmp_path / "tools" / "evil")
    assert (folder / "inside.txt").exists()
    assert not (tmp_path / "outside.txt").exists() and not Path("/absolute.txt").exists()
