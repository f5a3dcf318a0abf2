"""What secrets look like: tokens by their services' own prefixes, and values that stand where secrets stand.

A token's pattern starts where no word character stands before it, and every repeat is bounded, so that the search stays
linear in texts of any content; but for white space, which is tried from the word before it alone. A line break is white
space like any other: whoever joins lines later makes no secret of what was none. What documentation writes in a
secret's place is none: `is_secret`, `is_password`.
"""

import base64
import binascii
import math
import re
from collections import Counter
from urllib.parse import unquote

# prefixes and lengths as the services document them
_TOKENS = {
    "AWS_ACCESS_KEY": r"(?:AKIA|ASIA)[0-9A-Z]{16}",
    "AZURE_CLIENT_SECRET": r"[A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.-]{31,34}",
    "DIGITALOCEAN_TOKEN": r"do[opr]_v1_[a-f0-9]{64}",
    "DOCKER_TOKEN": r"dckr_(?:pat|oat)_[\w-]{27,64}",
    "GITHUB_TOKEN": r"gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{60,255}",
    "GITLAB_TOKEN": r"gl(?:pat|dt|rt|ptt|oas|cbt|soat|agent|imt|ft|ffct)-[\w-]{20,300}(?:\.[0-9a-z]{2}\.\w{7,9})?",
    "GOOGLE_API_KEY": r"AIza[\w-]{35}",
    "GOOGLE_OAUTH_TOKEN": r"GOCSPX-[\w-]{28}|ya29\.[\w-]{20,2000}|1//0[\w-]{40,250}",
    "HUGGING_FACE_TOKEN": r"hf_[A-Za-z0-9]{34,40}|api_org_[A-Za-z0-9]{34}",
    "JSON_WEB_TOKEN": r"eyJ[\w-]{10,2000}\.eyJ[\w-]{10,8000}\.[\w-]{10,1000}",
    "NPM_TOKEN": r"npm_[A-Za-z0-9]{36}",
    "PYPI_TOKEN": r"pypi-AgE[\w-]{50,400}",
    "SENDGRID_KEY": r"SG\.[\w-]{20,24}\.[\w-]{39,50}",
    "SERVICE_KEY": r"sk-[A-Za-z0-9_-]{32,250}",
    "SLACK_TOKEN": r"xox[abceoprs]-[A-Za-z0-9-]{10,250}|xapp-\d-[A-Z0-9]{6,20}-\d{6,20}-[a-f0-9]{20,80}",
    "STRIPE_KEY": r"[sr]k_(?:live|test)_[A-Za-z0-9]{20,250}|whsec_[A-Za-z0-9+/]{32,64}",
    "TWILIO_KEY": r"SK[0-9a-f]{32}",
    "WEBHOOK": r"https://(?:hooks\.slack\.com/(?:services|workflows|triggers)/[\w/-]{20,200}"
    r"|discord(?:app)?\.com/api/webhooks/\d{15,22}/[\w-]{50,100}"
    r"|[\w-]{1,60}\.webhook\.office\.com/webhookb2/[\w@/-]{60,300})",
}
TOKEN = re.compile(
    r"(?<![\w-])(?:" + "|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _TOKENS.items()) + r")={0,2}(?![\w-])"
)
# soft hyphens, joiners, spaces of no width and marks of direction
UNSEEN = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
KEY_MARK = re.compile(r"-{4,5} ?(?P<which>BEGIN|END) (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)? ?-{4,5}")
# a line of a key has 64 characters, and a placeholder in its place none like it
KEY_LINE = re.compile(r"[A-Za-z0-9+/=]{40}")

URL = re.compile(
    r"(?i)(?<![\w+.-])[a-z][a-z0-9+.-]{1,20}://(?P<user>[^\s:/@<>]{0,64}):(?P<value>[^\s/<>]{3,128})"
    r"@(?P<host>[^\s:/@<>\"'`,)]{0,255})"
)
BEARER = re.compile(r"(?i)(?<![a-z0-9])bearer\s+(?P<value>[\w.~+/=-]{16,8000})")
BASIC = re.compile(r"(?i)(?<![a-z0-9])basic\s+(?P<value>[A-Za-z0-9+/]{6,1000}={0,2})(?![\w+/=])")
AUTHORIZATION = re.compile(
    r"(?i)(?<![a-z0-9])authorization[\"']?\s*[:=,]\s*[\"']?(?:[a-z][a-z-]{2,20}\s+)?"
    r"(?P<value>[\w.~+/=:-]{16,8000})"
)
# what signs an address for whoever has it: Azure, Amazon, Google
SIGNATURE = re.compile(
    r"(?i)[?&;](?:sig|signature|x-amz-signature|x-amz-security-token|x-goog-signature)=(?P<value>[\w%+/=~.-]{32,4000})"
)
AZURE_KEY = re.compile(
    r"(?i)(?<![a-z])(?:account|sharedaccess|storage|access)(?:[_-]|\s*)key[\"']?\s*[=:]\s*[\"']?"
    r"(?P<value>[A-Za-z0-9+/]{42,86}={1,2})"
)
# of a database's connection string, whose parts are set apart by semicolons
DSN = re.compile(r"(?i);\s*(?:password|pwd)=(?P<value>[^;\s\"'`<>{}]{3,128})")
_NAMES = (
    r"password|passwd|pgpassword|passphrase|pwd|secret|token|(?:api|access|secret|account|private)(?:[_-]|\s*)key|"
    r"passwort|kennwort|mot\s+de\s+passe|contrase(?:ñ|n)a|wachtwoord|пароль"
)
_NAME = (
    rf"(?:(?<![A-Za-z])(?i:{_NAMES})|(?<=[a-z])(?:Password|Passwd|Passphrase|Pwd|Secret|Token|ApiKey|AccessKey))"
    r"[\"'`*]{0,3}"
)
_OPENED = r"\s*[\"'`*]{0,3}"
ASSIGNED = re.compile(
    rf"{_NAME}\s*(?:=>|:=|[:=]|is|(?<=[a-z])>)[\"'`*]{{0,3}}{_OPENED}(?P<value>[^\s\"'`<>,;(){{}}\[\]]{{8,4000}})"
)
# in the next cell of a row, or on the next line
BESIDE = re.compile(rf"{_NAME}(?:\s*\||[,;](?=\S)|:?\s){_OPENED}(?P<value>[^\s\"'`<>,;|(){{}}\[\]]{{8,4000}})")
# at the head of a column, and what stands in one
HEADING = re.compile(
    rf"(?m)(?:^|[|,;])[ ]{{0,64}}[\"'`*]{{0,3}}(?:\w{{1,20}}[ _]){{0,2}}(?i:{_NAMES})"
    r"[\"'`*]{0,3}[ ]{0,64}(?:[|,;]|$)"
)
CELL = re.compile(r"\s*[\"'`*]{0,3}(?P<value>[^\s\"'`<>(){}\[\]]{8,4000})[\"'`*]{0,3}\s*")

# bits a character; words and names of variables are below it
_LEAST_ENTROPY = 3.0
# from letters to digits or back; names of algorithms and versions have fewer
_LEAST_CHANGES = 4
# what documentation writes in a secret's place, and whole words that it takes for passwords
_EXAMPLE = re.compile(
    r"(?i)example|placeholder|dummy|redacted|change[_-]?me|x{6}|\*{3}|\.{3}|…|^(?:my|your|the|some)[_-]"
)
_NO_PASSWORD = re.compile(
    r"(?i)pass(?:w(?:or)?d|w0rd|phrase)?|pw|pswd|pwd|secret|token|key|api_?key|cred(?:ential)?s|tiger|foo|bar|baz|none|"
    r"null|user(?:name)?|port"
)
# moments and addresses
_NO_VALUE = re.compile(r"(?i)\d{4}-\d\d-\d\dT[\d:.+-]{4,20}Z?|[a-z][a-z0-9+.-]{1,20}://.*")
# what a word before it does not make a secret: paths, numbers of machines, UUIDs, names of algorithms, assignments
_NAMED = re.compile(
    r"(?i)[.~]?(?:/[\w.@-]+)+/?|0x[0-9a-f]+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[a-z]+\d*(?:[-_.][a-z]+\d*)+"
    r"|\w+=[\w+*/-]+"
)
# whatever a shell or a template fills in, and signs that hide
_FILLED_IN = re.compile(r"[$%{\[(<].*|.*[})\]>%]|[*.•x]+", re.IGNORECASE)
_NO_HOST = re.compile(
    r"(?i)localhost|127(?:\.\d{1,3}){3}|host(?:name)?|(?:.{1,200}\.)?(?:example(?:\.\w{2,3})?|test|invalid)"
)


def is_secret(kind: str, value: str) -> bool:
    """Whether what has the form of a service's token is one: not an example, nor a name made of words."""
    if _EXAMPLE.search(value):
        return False
    if kind == "WEBHOOK":
        return len(set(value.rpartition("/")[2])) > 4
    return kind != "SERVICE_KEY" or any(one.isdigit() for one in value)


def is_password(user: str, value: str, host: str) -> bool:
    """Whether what stands between `user:` and `@host` is a password, words included.

    None are placeholders, the user's own name, and words for hosts of documentation: localhost, example.com. A value
    that looks random is one wherever it stands.
    """
    value = unquote(value)
    if looks_random(value):
        return True
    if _NO_PASSWORD.fullmatch(value) or _FILLED_IN.fullmatch(value) or _EXAMPLE.search(value):
        return False
    return value != user and not value.isdigit() and not _NO_HOST.fullmatch(host)


def is_login(value: str) -> bool:
    """Whether a value is base64 of `user:password`."""
    try:
        user, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeError):
        return False
    return bool(colon) and password.isprintable() and user.isprintable() and is_password(user, password, "")


def looks_random(value: str) -> bool:
    """Whether a value mixes letters and digits as no word, path, version or placeholder does."""
    letters, digits = any(one.isalpha() for one in value), any(one.isdigit() for one in value)
    if not (letters and digits) or re.fullmatch(r"[A-Za-z_.]+\d{0,4}|[\d.]+[A-Za-z]{0,3}\d*|\$.*|%.*|\.*", value):
        return False
    if _EXAMPLE.search(value) or len(value) < 8 or _NO_VALUE.fullmatch(value):
        return False
    counts = Counter(value)
    entropy = -sum(count / len(value) * math.log2(count / len(value)) for count in counts.values())
    return entropy >= _LEAST_ENTROPY or (len(value) < 12 and len(counts) >= 6)


def is_mixed(value: str) -> bool:
    """Whether a value looks random enough to be one where only a name before it says so: letters and digits change
    places often, or signs, digits and letters of both cases come together."""
    if not looks_random(value) or _NAMED.fullmatch(value):
        return False
    if re.search(r"[!$^~&]", value) and value.lower() != value != value.upper():
        return True
    return len(re.findall(r"(?<=\d)[^\W\d_]|(?<=[^\W\d_])\d", value)) >= _LEAST_CHANGES
