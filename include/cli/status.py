"""`genai status`: one line a program."""

from rich.console import Console
from rich.table import Table

from include.local.stack import ProgramStatus

COLOURS = {"healthy": "green", "starting": "yellow", "standby": "dim", "stopped": "red"}


def print_status(programs: list[ProgramStatus]) -> bool:
    """Print the table; whether all programs run that are not on standby."""
    table = Table("program", "state", "pid", "uptime", "address", "memory", box=None, pad_edge=False)
    for program in programs:
        table.add_row(
            program.name,
            f"[{COLOURS[program.state]}]{program.state}",
            str(program.pid or ""),
            duration(program.uptime) if program.pid else "",
            program.address,
            f"{program.memory / 2**20:.0f} MB" if program.pid else "",
        )
    Console().print(table)
    return all(program.state in ("healthy", "standby") for program in programs)


def duration(seconds: float) -> str:
    """Seconds for people: 0.4 s, 12 s, 3 min 5 s, 2 h 10 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
