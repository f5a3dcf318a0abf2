"""What pods have for `ssh`: `python -m include.jobs.reach JOB [options] HOST COMMAND`.

It has the pod at HOST run the program of hosts with COMMAND's arguments, and stands for it here: its input and output,
and its exit status. The object store's keys stay where they are: every pod has them.
"""

import json
import os
import shlex
import socket
import sys
import threading
from contextlib import suppress

from include.core.settings import settings
from include.distributed.hosts import HOST
from include.jobs.kubernetes_manifest import SECRET_KEYS
from include.jobs.pods import EXIT, PORT, address, token

# of a link that is down: the other pod is gone
ALIVE = ((socket.TCP_KEEPIDLE, 5), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 3))
CONNECT_SECONDS = 10.0
UNREACHED = 255


def main() -> int:
    """Run it there, or here where the host is this pod."""
    job_id, *_, host, command = sys.argv[1:]
    words = shlex.split(command)
    arguments = words[words.index(HOST) + 1 :]
    if host == address():
        os.environ["SSH_CONNECTION"] = f"{host} 0 {host} 0"
        os.execv(sys.executable, [sys.executable, "-m", HOST, *arguments])  # noqa: S606 no shell is wanted
    try:
        return _there(host, {"token": token(job_id, settings()), "arguments": arguments})
    except OSError as error:
        print(f"pod {host} is not reached: {error}", file=sys.stderr)  # noqa: T201 as ssh does
        return UNREACHED


def _there(host: str, greeting: dict[str, object]) -> int:
    with socket.create_connection((host, PORT), CONNECT_SECONDS) as connection:
        connection.settimeout(None)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in ALIVE:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)
        connection.sendall(json.dumps(greeting).encode() + b"\n")
        threading.Thread(target=_send_input, args=(connection,), daemon=True).start()
        with connection.makefile("rb") as lines:
            held = b""
            for line in lines:
                if line.startswith(EXIT):
                    return int(line.removeprefix(EXIT))
                # an empty line is part of the exit's mark where that is what follows
                line, held = (held, line) if line == b"\n" else (held + line, b"")
                os.write(1, line)
    return UNREACHED


def _send_input(connection: socket.socket) -> None:
    """All of the input, and its end: the first line is an order, from which the keys are left out."""
    with suppress(OSError):
        line = sys.stdin.buffer.readline()
        if line.startswith(b"{"):
            order = json.loads(line)
            kept = {name: value for name, value in order["environment"].items() if name not in SECRET_KEYS}
            line = json.dumps(order | {"environment": kept}).encode() + b"\n"
        while line:
            connection.sendall(line)
            line = sys.stdin.buffer.readline()
        connection.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    sys.exit(main())
