"""Where the local stack keeps its things below GENAI_STATE_FOLDER."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from include.core.settings import Settings
from include.local.credentials import Credentials, read_credentials


@dataclass(frozen=True)
class Layout:
    """Folders and files of one local stack."""

    root: Path

    @property
    def state(self) -> Path:
        """Databases, secrets, sockets and records: what `stop` leaves and a new start goes on from."""
        return self.root / "state"

    @property
    def logs(self) -> Path:
        """One log a program, and Airflow's task logs."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """What the guards run, and the sessions they started."""
        return self.state / "run"

    @property
    def airflow_home(self) -> Path:
        """AIRFLOW_HOME."""
        return self.state / "airflow"

    @property
    def socket(self) -> Path:
        """Where supervisord listens."""
        return self.state / "supervisor.sock"

    @property
    def stopped(self) -> Path:
        """Exists while the stack is down because somebody stopped it."""
        return self.state / "stopped"

    @property
    def repository_ready(self) -> Path:
        """Exists once the bucket has the model repository's folder, without which Triton does not start."""
        return self.run / "repository.ready"

    @property
    def weed(self) -> Path:
        """SeaweedFS's binary."""
        return self.root / "bin" / "weed"

    @property
    def triton(self) -> Path:
        """The unpacked nvidia-pytriton wheel."""
        return self.root / "tools" / "tritonserver"

    def make_private(self) -> None:
        """Databases, secrets and logs are for their owner only."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.state, self.logs):
            folder.mkdir(mode=0o700, exist_ok=True)
            folder.chmod(0o700)

    def spec(self, program: str) -> Path:
        """What a program's guard runs."""
        return self.run / f"{program}.json"

    def session(self, program: str) -> Path:
        """The session that a program's guard started."""
        return self.run / f"{program}.session"

    def log(self, program: str) -> Path:
        """A program's log."""
        return self.logs / f"{program}.log"

    def credentials(self) -> Credentials:
        """The stack's secrets, generated on the first call."""
        return read_credentials(self.state / "credentials.json")


def layout(settings: Settings) -> Layout:
    """The layout of these settings' local stack."""
    return Layout(settings.state_folder.absolute())


def python_folder() -> Path:
    """The bin folder of the running environment."""
    return Path(sys.executable).parent


def search_path(first: Path) -> str:
    """PATH of a program: `first`, then the system's folders. The caller's PATH would make each shell another stack."""
    return os.pathsep.join([str(first), "/usr/local/bin", "/usr/bin", "/bin"])
