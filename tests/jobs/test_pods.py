"""What a pod does with who connects to it."""

import socket

import pytest

from include.artifacts.store import ArtifactStore
from include.core.errors import CorruptedArtifactError
from include.jobs import pods


@pytest.mark.timeout(10)
def test_who_hangs_up_before_a_word_keeps_no_thread_busy() -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(b"half a")
    theirs.close()
    with ours:
        assert pods._line(ours) == b"half a"


@pytest.mark.parametrize("told", [b"10.0.0.7 slots=9\nevil", b"-oProxyCommand=x", b"\xff"])
def test_what_is_no_address_gets_into_no_hostfile(store: ArtifactStore, told: bytes) -> None:
    store.bucket.put_bytes("jobs/a/1/pods/1", b"10.0.0.7")
    assert pods._read(store.bucket, "jobs/a/1/pods/1") == "10.0.0.7"
    store.bucket.put_bytes("jobs/a/1/pods/1", told)
    with pytest.raises(CorruptedArtifactError, match="no address of a pod"):
        pods._read(store.bucket, "jobs/a/1/pods/1")
