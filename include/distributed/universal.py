"""DeepSpeed's universal form of a ZeRO checkpoint, which any number of ranks loads."""

import argparse
import fcntl
import shutil
from contextlib import redirect_stdout
from os import devnull
from pathlib import Path

SUFFIX = ".universal"


def to_universal(folder: Path) -> Path:
    """Convert the checkpoint in `folder`, once on each host, whatever number of ranks asks; the new folder."""
    from deepspeed.checkpoint import ds_to_universal

    target = folder.with_name(folder.name + SUFFIX)
    with folder.with_name(f"{target.name}.lock").open("w") as guard, Path(devnull).open("w") as nowhere:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not target.exists():
            partial = target.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            wanted = argparse.Namespace(
                input_folder=str(folder),
                output_folder=str(partial),
                num_extract_workers=1,
                num_merge_workers=1,
                keep_temp_folder=False,
                strict=True,
                inject_missing_state=True,
            )
            with redirect_stdout(nowhere):
                ds_to_universal.main(wanted)
            partial.rename(target)
    return target
