"""Libraries are imported without the optional packages that nothing here uses."""

import importlib.metadata
import importlib.util
import subprocess
import sys
from textwrap import dedent

import pytest

from include.core.optional_imports import absent
from include.core.settings import PROJECT_ROOT

HEAVY = ["torch", "transformers"]
WITHOUT = {
    "pseudonyms": """
        from include.privacy.pseudonyms import Pseudonyms
        from include.privacy.spans import Span
        print(Pseudonyms(b"key", {"PERSON": "redact"}).replace("I am Anna.", [Span("PERSON", 5, 9)]))
    """,
    "audit": """
        from include.privacy.recognition.predefined import certain
        print(list(certain("4111 1111 1111 1111", ["CREDIT_CARD"])))
    """,
    "tables": """
        from include.data_preparation.config import SynthesizeConfig
        from include.data_preparation.synthesis.table_model import metadata
        print(metadata(SynthesizeConfig().database))
    """,
}


@pytest.mark.parametrize("part", WITHOUT)
def test_what_computes_without_torch_and_transformers_does_not_load_them(part: str) -> None:
    tells = f"import sys\nprint('loaded', [name for name in {HEAVY} if name in sys.modules])"
    command = [sys.executable, "-c", f"{dedent(WITHOUT[part])}\n{tells}"]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "loaded []"


class _Finder:
    """As a library adds one to those of Python."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        return None


def test_an_absent_package_is_not_found_inside_and_is_there_again_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    import json

    added = _Finder()
    before = [*sys.meta_path, added]
    monkeypatch.delitem(sys.modules, "this", raising=False)
    with absent("json", "this"):
        for name in ("json", "this"):
            assert importlib.util.find_spec(name) is None
            with pytest.raises(ModuleNotFoundError):
                importlib.import_module(name)
        # what a library asks where it must not import
        assert "json" not in sys.modules
        assert importlib.metadata.version("pydantic")
        sys.meta_path.append(added)

    assert sys.meta_path == before
    sys.meta_path.remove(added)
    assert importlib.import_module("json") is json
    assert importlib.util.find_spec("this")
