"""The page of settings."""

from include.cli.reference.tables import code, table
from include.core.settings import Settings
from include.inferencing.gateway.limits import GatewayLimits


def settings_page() -> str:
    """Environment variables with defaults and meanings, and what GENAI_GATEWAY_LIMITS may name."""
    rows = [
        (f"`GENAI_{name.upper()}`", "" if field.default is None else code(field.default), field.description or "")
        for name, field in Settings.model_fields.items()
    ]
    limits = [
        (f"`{name}`", code(field.default), field.description or "")
        for name, field in GatewayLimits.model_fields.items()
    ]
    return f"""# Settings

Environment variables, read once by each program; the defaults are a stack on loopback. Keep them exported: `genai up`,
`run` and `plan` restart what was started with others. A value that cannot be right is refused before anything starts,
with its name. Airflow's tasks take the store from the connection `genai_store`.

{table(["Variable", "Default", "What it is"], rows)}

## Bounds of the gateway

`GENAI_GATEWAY_LIMITS` names those that differ from these defaults: `GENAI_GATEWAY_LIMITS=waiting=64,first_token=60`.
Times are in seconds.

{table(["Name", "Default", "What it bounds"], limits)}
"""
