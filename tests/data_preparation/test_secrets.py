"""Keys, tokens and passwords leave texts; documentation, code, versions and placeholders stay."""

import string
from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.data_preparation.card.gates import secret_gate
from include.data_preparation.cleaning.secrets import count_secrets, redact
from include.data_preparation.sources import docstrings

RANDOM = Random(11)


def made(length: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    return "".join(RANDOM.choices(alphabet, k=length))


BODY = "\n".join(made(64) for _ in range(4))
SECRETS = {
    "AWS_ACCESS_KEY": "AKIA" + made(16, string.ascii_uppercase + string.digits),
    "GITHUB_TOKEN": "ghp_" + made(36),
    "GITLAB_TOKEN": "glpat-" + made(20),
    "GOOGLE_API_KEY": "AIza" + made(35),
    "HUGGING_FACE_TOKEN": "hf_" + made(34),
    "JSON_WEB_TOKEN": f"eyJ{made(30)}.eyJ{made(60)}.{made(43)}",
    "PYPI_TOKEN": "pypi-AgE" + made(80),
    "SERVICE_KEY": "sk-proj-" + made(48),
    "SLACK_TOKEN": "xoxb-" + made(40),
    "STRIPE_KEY": "sk_live_" + made(24),
    "PRIVATE_KEY": f"-----BEGIN RSA PRIVATE KEY-----\n{BODY}\n-----END RSA PRIVATE KEY-----",
}
LEFT_ALONE = [
    "Set password=os.environ['DB_PASSWORD'] before you call connect().",
    "postgresql://scott:tiger@localhost/test is the URL in the tutorial.",
    "The token is invalid, and the secret: nobody told me.",
    "password: str = Field(min_length=8)",
    "Version 3.11.7-rc2 fixes token=None; see commit 9fceb02d0ae598e95dc970b74767f19372d61af8.",
    "The id is 123e4567-e89b-12d3-a456-426614174000 and the digest " + "ab12" * 16,
    "api_key=YOUR_API_KEY, token=${TOKEN}, secret=<your secret>, password=********",
    "A key starts with AKIA or ghp_, a JWT with eyJ.",
]


@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize("around", ["%s", "It is %s, please rotate it.", 'key = "%s"\nprint(key)', "(%s)"])
def test_a_secret_leaves_and_its_neighbours_stay(kind: str, around: str) -> None:
    counts: Counter[str] = Counter()
    assert redact(around % SECRETS[kind], counts) == around % f"<{kind}>"
    assert counts == {kind: 1}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("my password is Xk9vQ2mLp7!", "my password is <PASSWORD>"),
        ('PASSWORD="t7Gq-91xz_Lm44"', 'PASSWORD="<PASSWORD>"'),
        ("amqp://svc:Qz81kd92Lmx0@mq.example.com/v", "amqp://svc:<PASSWORD>@mq.example.com/v"),
        ("aws_secret_access_key = wJalrXUtnFEMI7MDENGbPxRfiCYzz81kQ", "aws_secret_access_key = <PASSWORD>"),
    ],
)
def test_a_password_leaves_and_what_names_it_stays(text: str, expected: str) -> None:
    assert redact(text, Counter()) == expected


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_documentation_and_placeholders_stay(text: str) -> None:
    assert redact(text, Counter()) == text


def test_a_private_key_without_its_end_leaves_to_the_end() -> None:
    assert redact(f"Here:\n-----BEGIN PRIVATE KEY-----\n{BODY}", Counter()) == "Here:\n<PRIVATE_KEY>"


def test_the_standard_library_tells_no_secrets() -> None:
    texts = [document.text for document in docstrings.standard_library()]
    changed = [text for text in texts if redact(text, Counter()) != text]
    assert len(texts) > 1000
    assert len(changed) <= len(texts) / 1000


@given(
    st.lists(st.sampled_from([*SECRETS.values(), *LEFT_ALONE, "x", "\n", "-----BEGIN ", "eyJ", "://:"]), max_size=12)
)
def test_nothing_is_left_after_one_pass(parts: list[str]) -> None:
    counts: Counter[str] = Counter()
    text = redact(" ".join(parts), counts)
    assert not count_secrets(text)
    assert not any(secret in text for secret in SECRETS.values())


@pytest.mark.parametrize(
    "unit", ["eyJ", "a://b:", "password=", "-----BEGIN PRIVATE KEY-----", "sk-", "A", "xoxb-a", "::"]
)
def test_a_text_of_a_million_hostile_characters_is_read(unit: str) -> None:
    redact(unit * (1_000_000 // len(unit)), Counter())


def test_a_secret_in_a_finished_dataset_fails_its_gate_without_being_shown() -> None:
    clean = [{"question": "Who?", "answer": "Me."}]
    assert secret_gate([clean]).passed
    gate = secret_gate([clean, [{"text": f"use {SECRETS['AWS_ACCESS_KEY']}"}]])
    assert not gate.passed
    assert gate.measured == "1 AWS_ACCESS_KEY"
