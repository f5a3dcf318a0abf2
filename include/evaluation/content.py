"""What of a reference decides whether two artifacts hold the same."""

from include.artifacts.ref import ArtifactRef


def content(ref: object) -> tuple[str, str] | None:
    """Kind and digest of a reference, None for anything else.

    A step's inputs count by their bytes, so an evaluation that is reused names the artifact it was made of; its
    producer may have run again since, with the same bytes under another fingerprint.
    """
    return (ref.kind, ref.digest) if isinstance(ref, ArtifactRef) else None
