"""`python -m include.local.audit`: vulnerabilities and licences of what the locks name, for `make check`.

0: nothing but what is accepted, or advisories could not be had, which is said; 1: a finding; 2: accepted.yaml is
wrong; 4: advisories could not be had, and AUDIT=strict.
"""

import os
import sys
from datetime import UTC, datetime

from include.core.errors import GenaiError
from include.core.settings import settings
from include.local.audit.accepted import read_accepted
from include.local.audit.advisories import SERVICE, Unreached, findings
from include.local.audit.licences import licences, refused
from include.local.audit.locked import locked

FOUND, WRONG, UNKNOWN = 1, 2, 4


def main() -> int:
    """Print what was found; the exit status."""
    strict = os.environ.get("AUDIT", "") == "strict"
    try:
        accepted, packages = read_accepted(), locked()
        installed, unread = licences(settings().state_folder)
        told = [f"licence: {line}" for line in refused(accepted, installed)]
        for line in unread:
            print(f"audit: licences not read: {line}")
        try:
            known = findings(packages, accepted, datetime.now(UTC).date(), os.environ.get("AUDIT_SERVICE") or SERVICE)
        except Unreached as error:
            told_of = f"audit: {error}: nothing is known about the {len(packages)} locked packages"
            print(f"{told_of}. Run it where AUDIT_SERVICE can be reached", file=sys.stderr)
            known, unknown = [], True
        else:
            unknown = False
            print(f"audit: {len(packages)} locked packages, {len(known)} findings that are not accepted")
    except GenaiError as error:
        print(f"audit: {error}", file=sys.stderr)
        return WRONG
    for line in [*told, *known]:
        print(f"audit: {line}", file=sys.stderr)
    return FOUND if told or known else UNKNOWN if unknown and strict else 0


if __name__ == "__main__":
    sys.exit(main())
