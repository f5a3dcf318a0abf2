"""What a pod does with who connects to it."""

import socket

import pytest

from include.jobs import pods


@pytest.mark.timeout(10)
def test_who_hangs_up_before_a_word_keeps_no_thread_busy() -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(b"half a")
    theirs.close()
    with ours:
        assert pods._line(ours) == b"half a"
