"""Licences as records state them: names that SPDX knows, or that the source has in its configuration."""

import re

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

LONGEST = 100  # characters
NOT_ONE = "license is no SPDX expression of names that SPDX or the source's license has"
_OWN = re.compile(r"LicenseRef-[A-Za-z0-9.-]+")


def licence_of(stated: str, of_source: str) -> str | None:
    """The SPDX expression that a record states, or else the source's; None where it states something else.

    It goes unchanged to all that is published, so what is written freely is none: it may name a person.
    """
    stated = stated.strip()
    if stated in ("", of_source):
        return of_source
    if len(stated) > LONGEST or not stated.isascii():
        return None
    try:
        found = canonicalize_license_expression(stated)
    except InvalidLicenseExpression:
        return None
    return found if set(_OWN.findall(found)) <= set(_OWN.findall(of_source)) else None
