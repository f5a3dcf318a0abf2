"""What no code of this project does, but for the places that say here why they do it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.core.settings import PROJECT_ROOT

FOLDERS = ("include", "plugins", "dags")
# file -> what it does of that, and why it may
ALLOWED = {
    # DeepSpeed's checkpoints are pickles: require_plain has refused what names code before they are loaded
    "include/distributed/snapshot.py": {"pickle", "torch.load"},
    "include/data_preparation/readers/prose.py": {"yaml.load"},  # BaseLoader: texts, lists and mappings
    "include/evaluation/task_files.py": {"yaml.load"},  # a SafeLoader that tells !function from others
    # wheels that pip has held to a pinned digest
    "include/local/install.py": {"extractall"},
}
PICKLES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "pickletools"}
CALLS = {
    "eval": "eval",
    "exec": "exec",
    "os.system": "shell",
    "os.popen": "shell",
    "yaml.load": "yaml.load",
    "yaml.unsafe_load": "yaml.load",
    "yaml.full_load": "yaml.load",
    "tempfile.mktemp": "mktemp",
    "ssl._create_unverified_context": "unverified",
}


def sources() -> list[Path]:
    return [path for folder in FOLDERS for path in sorted((PROJECT_ROOT / folder).rglob("*.py"))]


def words(argument: ast.keyword) -> Iterator[str]:
    """What a keyword argument of a call does that it should not."""
    value = argument.value
    given = value.value if isinstance(value, ast.Constant) else ...
    if argument.arg == "shell" and given is not False:
        yield "shell"
    if argument.arg in ("verify", "cert_check") and given is False:
        yield "unverified"
    if argument.arg == "cert_reqs" and "CERT_NONE" in ast.unparse(value):
        yield "unverified"
    if argument.arg == "trust_remote_code" and given is not False:
        yield "remote code"
    if argument.arg == "autoescape" and given is not True:
        yield "unescaped"


def done_by(tree: ast.AST) -> Iterator[str]:
    """All of it in one file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name for alias in node.names} if isinstance(node, ast.Import) else {node.module or ""}
            yield from ("pickle" for name in names if name.partition(".")[0] in PICKLES)
        elif isinstance(node, ast.Dict):
            yield from (
                "remote code"
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant) and key.value == "trust_remote_code" and ast.unparse(value) == "True"
            )
        elif isinstance(node, ast.Call):
            yield from called(node)


def called(node: ast.Call) -> Iterator[str]:
    """What one call does."""
    name = ast.unparse(node.func)
    given = {argument.arg: ast.unparse(argument.value) for argument in node.keywords}
    if name in CALLS:
        yield CALLS[name]
    if name.endswith((".extractall", ".unpack_archive")) and given.get("filter") != "'data'":
        yield "extractall"
    if name == "torch.load" and given.get("weights_only") != "True":
        yield "torch.load"
    if re.fullmatch(r"AutoModel\w*\.from_pretrained", name) and not safely(node, given):
        yield "weights of any format"
    if name in ("Environment", "jinja2.Environment") and "autoescape" not in given:
        yield "unescaped"
    for argument in node.keywords:
        yield from words(argument)


def safely(node: ast.Call, given: dict[str | None, str]) -> bool:
    """Whether a model is loaded from files at hand, as safetensors; what a dictionary gives is looked at by itself."""
    return {"use_safetensors", "local_files_only"} <= set(given) or None in given


def test_no_code_runs_what_it_reads_and_none_switches_a_check_off() -> None:
    found = {
        str(path.relative_to(PROJECT_ROOT)): done
        for path in sources()
        if (done := set(done_by(ast.parse(path.read_text(encoding="utf-8")))))
    }
    assert found == ALLOWED


@pytest.mark.parametrize(
    ("code", "done"),
    [
        ("import pickle", {"pickle"}),
        ("from joblib import load", {"pickle"}),
        ("torch.load(path)", {"torch.load"}),
        ("torch.load(path, weights_only=True)", set()),
        ("AutoModel.from_pretrained(name)", {"weights of any format"}),
        ("AutoModelForCausalLM.from_pretrained(x, trust_remote_code=asked, **a)", {"remote code"}),
        ("more = {'trust_remote_code': True}", {"remote code"}),
        ("subprocess.run(line, shell=True)", {"shell"}),
        ("httpx.get(url, verify=False)", {"unverified"}),
        ("yaml.load(text)", {"yaml.load"}),
        ("archive.extractall(folder)", {"extractall"}),
        ("archive.extractall(folder, filter='data')", set()),
        ("Environment()", {"unescaped"}),
        ("eval(text)", {"eval"}),
    ],
)
def test_it_would_be_found(code: str, done: set[str]) -> None:
    assert set(done_by(ast.parse(code))) == done


def test_a_model_is_imported_as_safetensors_without_its_code() -> None:
    text = (PROJECT_ROOT / "include" / "training" / "import_pretrained.py").read_text()
    assert '"local_files_only": True, "trust_remote_code": False' in text
    assert 'arguments["use_safetensors"] = True' in text
