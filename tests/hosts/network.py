"""Network namespaces that are two hosts and their owner, joined by a bridge, with an SSH server on each host."""

import os
import subprocess
from pathlib import Path

NETWORK = "10.213.77"
SSHD = "/usr/sbin/sshd"


def call(*line: str) -> None:
    """Run a command; CalledProcessError with what it printed where it fails."""
    subprocess.run(line, check=True, capture_output=True, text=True)


class Network:
    """Namespaces `<name>-owner`, `<name>-1` and `<name>-2`; nothing of it shows outside of them."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self.owner = f"{name}-owner"
        self.servers: list[subprocess.Popen[bytes]] = []

    def build(self) -> None:
        """Make the namespaces and their links."""
        call("ip", "netns", "add", self.owner)
        call("ip", "-n", self.owner, "link", "set", "lo", "up")
        call("ip", "-n", self.owner, "link", "add", "bridge", "type", "bridge")
        call("ip", "-n", self.owner, "addr", "add", f"{address(0)}/24", "dev", "bridge")
        call("ip", "-n", self.owner, "link", "set", "bridge", "up")
        for number in (1, 2):
            host = f"{self.name}-{number}"
            call("ip", "netns", "add", host)
            call("ip", "-n", host, "link", "set", "lo", "up")
            pair = ("type", "veth", "peer", "name", f"host{number}", "netns", self.owner)
            call("ip", "-n", host, "link", "add", "net0", *pair)
            call("ip", "-n", host, "addr", "add", f"{address(number)}/24", "dev", "net0")
            call("ip", "-n", host, "link", "set", "net0", "up")
            call("ip", "-n", self.owner, "link", "set", f"host{number}", "master", "bridge", "up")

    def serve(self) -> None:
        """Start the SSH servers, and write an `ssh` for the owner that knows their keys."""
        keys = self.folder / "ssh"
        keys.mkdir(mode=0o700)
        Path("/run/sshd").mkdir(exist_ok=True)
        for name in ("host", "user"):
            call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(keys / name))
        public = (keys / "host.pub").read_text().strip()
        (keys / "known").write_text("".join(f"{address(number)} {public}\n" for number in (1, 2)))
        (keys / "sshd_config").write_text(
            f"HostKey {keys}/host\nAuthorizedKeysFile {keys}/user.pub\nPasswordAuthentication no\n"
            f"StrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\nPidFile none\n"
        )
        (keys / "config").write_text(
            f"Host *\n  User root\n  IdentityFile {keys}/user\n  UserKnownHostsFile {keys}/known\n"
            "  StrictHostKeyChecking yes\n"
            + "".join(f"Host host-{number}\n  HostName {address(number)}\n" for number in (1, 2))
        )
        (keys / "bin").mkdir()
        wrapper = keys / "bin" / "ssh"
        wrapper.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {keys}/config "$@"\n')
        wrapper.chmod(0o700)
        for number in (1, 2):
            line = ["ip", "netns", "exec", f"{self.name}-{number}", SSHD, "-D", "-e", "-f", str(keys / "sshd_config")]
            with (self.folder / f"sshd-{number}.log").open("wb") as log:
                self.servers.append(subprocess.Popen(line, stdout=log, stderr=log))

    @property
    def ssh(self) -> Path:
        """The folder that the owner's PATH begins with."""
        return self.folder / "ssh" / "bin"

    def cut(self, number: int) -> None:
        """Take the link of a host down, as a pulled cable does."""
        call("ip", "link", "set", f"host{number}", "down")

    def remove(self) -> None:
        """End the servers and delete the namespaces."""
        for server in self.servers:
            server.kill()
            server.wait()
        for name in (f"{self.name}-1", f"{self.name}-2", self.owner):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def address(number: int) -> str:
    """The address of the owner (0) or of a host."""
    return f"{NETWORK}.{number + 1}"


def processes_in(namespace: str) -> set[int]:
    """The processes that live in a namespace."""
    found = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True, check=True)
    return {int(line) for line in found.stdout.split()} - {os.getpid()}
