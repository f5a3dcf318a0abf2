"""Keys, tokens and passwords leave texts; documentation, code, versions and placeholders stay."""

import string
from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.data_preparation.card.gates import secret_gate
from include.data_preparation.sources import docstrings
from include.privacy.secrets import count_secrets, redact

RANDOM = Random(11)


def made(length: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    """Of both letters and digits, as every key of some length is."""
    return "".join((RANDOM.choice(alphabet[:6]), *RANDOM.choices(alphabet, k=length - 2), alphabet[-1]))


HEX = string.digits + "abcdef"
LONG = made(200)
BODY = "\n".join(made(64) for _ in range(4))
SECRETS = {
    "AWS_ACCESS_KEY": "AKIA" + made(16, string.ascii_uppercase + string.digits),
    "AZURE_CLIENT_SECRET": f"{made(3)}8Q~{made(34)}",
    "DIGITALOCEAN_TOKEN": "dop_v1_" + made(64, HEX),
    "DOCKER_TOKEN": "dckr_pat_" + made(27),
    "GITHUB_TOKEN": "ghp_" + made(36),
    "GITLAB_TOKEN": "glpat-" + made(20),
    "GOOGLE_API_KEY": "AIza" + made(35),
    "GOOGLE_OAUTH_TOKEN": "GOCSPX-" + made(28),
    "HUGGING_FACE_TOKEN": "hf_" + made(34),
    "JSON_WEB_TOKEN": f"eyJ{made(30)}.eyJ{made(60)}.{made(43)}",
    "NPM_TOKEN": "npm_" + made(36),
    "PYPI_TOKEN": "pypi-AgE" + made(80),
    "SENDGRID_KEY": f"SG.{made(22)}.{made(43)}",
    "SERVICE_KEY": "sk-proj-" + made(48),
    "SLACK_TOKEN": "xoxb-" + made(40),
    "STRIPE_KEY": "sk_live_" + made(24),
    "TWILIO_KEY": "SK" + made(32, HEX),
    "WEBHOOK": f"https://hooks.slack.com/services/T{made(8)}/B{made(8)}/{made(24)}",
    "PRIVATE_KEY": f"-----BEGIN RSA PRIVATE KEY-----\n{BODY}\n-----END RSA PRIVATE KEY-----",
}
LEFT_ALONE = [
    "token, x1y2z3w4 = parse(line)",
    "import secret; x1=y2+z3*a4-b5",
    "token  0x7f3b2c1d4e5f",
    "$ pwd\n/home/user1/proj2/src3/x4y",
    "secret\nhttps://s3.amazonaws.com/x/v1a2b3c4/d5e6.tar.gz",
    "secret key ECDSA-P256-SHA384-AES128-GCM8",
    "token\n123e4567-e89b-12d3-a456-426614174000",
    "token: 2024-01-15T10:20:30Z",
    "secret: https://docs.python.org/3/lib1a2b3",
    "Set password=os.environ['DB_PASSWORD'] before you call connect().",
    "postgresql://scott:tiger@localhost/test is the URL in the tutorial.",
    "The token is invalid, and the secret: nobody told me.",
    "password: str = Field(min_length=8)",
    "Version 3.11.7-rc2 fixes token=None; see commit 9fceb02d0ae598e95dc970b74767f19372d61af8.",
    "The id is 123e4567-e89b-12d3-a456-426614174000 and the digest " + "ab12" * 16,
    "api_key=YOUR_API_KEY, token=${TOKEN}, secret=<your secret>, password=********",
    "A key starts with AKIA or ghp_, a JWT with eyJ.",
    "Call postgresql://user:password@db.example.com/app, or redis://:secret@cache:6379/0.",
    "It is written as scheme://user:<password>@host, or as https://${USER}:${PASSWORD}@host.",
    "mysql://app:{password}@db/shop and mysql://app:%s@db/shop and mysql://app:****@db/shop",
    "postgres://postgres:postgres@db:5432/app is what the container starts with.",
    "mssql+pyodbc://scott:tiger@mydsn and http://user:pass@proxy.company.org:3128",
    "amqp://guest:sunshine@localhost:5672 and http://joe:sunshine@example.com/",
    "Open https://example.org:8443/a@b or ssh://git@github.com:22/owner/name.",
    "Server=db;Uid=app;Pwd=<your password>;",
    "Authorization: Bearer <token>, or 'Authorization: Bearer YOUR_ACCESS_TOKEN'",
    'headers = {"Authorization": f"Bearer {token}"}',
    "Basic authentication, bearer of good news, basic dXNlcjpwYXNzd29yZA== (user:password)",
    "aws_access_key_id = AKIAIOSFODNN7EXAMPLE, secret_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
    'class="sk-estimator-doc-link-label-container-and-more"',
    "A file starts with -----BEGIN PRIVATE KEY----- and ends with -----END PRIVATE KEY-----; keep it safe.",
    '"integrity": "sha512-' + "aB3/" * 21 + 'aB==" is a digest and no key',
    "AC" + "0a1b2c3d" * 4 + " is an account of Twilio, pk_live_" + "a1B2c3D4" * 3 + " is public.",
    "Password\nForgot your password? Ask Support2024-team.",
    "## API key\n\nYou need an API key for version2-beta1 of it.",
    "| token | sha256-digest |\n| secret | hmac-sha256-v2 |\n| password | see chapter 12 |",
    "name,password,token\nRequired1,minimum8characters,utf8-encoded",
    "set_token(token: TokenInfo1) -> accessToken: str, userPassword=getPassword()",
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
        ("postgres://app:sunshine@db.shop.io/app", "postgres://app:<PASSWORD>@db.shop.io/app"),
        ("redis://:correct-horse@cache:6379/0", "redis://:<PASSWORD>@cache:6379/0"),
        ("FTP://joe:p@ss@files.shop.io", "FTP://joe:<PASSWORD>@files.shop.io"),
        ("mongodb://a:tulips@h1:27017,h2:27017/x", "mongodb://a:<PASSWORD>@h1:27017,h2:27017/x"),
        ("Server=db;Uid=app;Pwd=sunshine;Encrypt=yes", "Server=db;Uid=app;Pwd=<PASSWORD>;Encrypt=yes"),
        ("clientSecret: 'a8Kd92LmQz81kx0P'", "clientSecret: '<PASSWORD>'"),
        ("api_key:\n  9fJk2LmN8pQr4StUv7", "api_key:\n  <PASSWORD>"),
        ("Password\nS3cr3t!9xYq2", "Password\n<PASSWORD>"),
        ("## API key\n\n`9fJk2LmN8pQr4StUv7`", "## API key\n\n`<PASSWORD>`"),
        ("| password | S3cr3t9xYq2Zk |", "| password | <PASSWORD> |"),
        ("user,joe\npassword,S3cr3t9xYq2Zk\n", "user,joe\npassword,<PASSWORD>\n"),
        (
            "| User |   Password |\n|---|---|\n| joe | `S3cr3t9xYq2Zk` |\n| ann | none yet |\n\n| a | S3cr3t9xYq2Zk |",
            "| User |   Password |\n|---|---|\n| joe | `<PASSWORD>` |\n| ann | none yet |\n\n| a | S3cr3t9xYq2Zk |",
        ),
        ("Hi, Joe\nuser,db_password\njoe,S3cr3t9xYq2Zk", "Hi, Joe\nuser,db_password\njoe,<PASSWORD>"),
        ("API key, Password\nS3cr3t!9xYq2", "API key, Password\n<PASSWORD>"),
        ("secret:\n  db_password: Xk9vQ2mLp7!", "secret:\n  db_password: <PASSWORD>"),
        ("secret:\n  db_password = Xk9vQ2mLp7!", "secret:\n  db_password = <PASSWORD>"),
        ("Authorization:\n  Bearer\n  9f8Ae7Kd92LmQz81", "Authorization:\n  Bearer\n  <BEARER_TOKEN>"),
        ("a\u200bb ghp_a1B2\u200b" + "a1B2" * 8 + " c\u200bd", "a\u200bb <GITHUB_TOKEN> c\u200bd"),
        ("pass\u00adword: Xk9v\u200dQ2mLp7!", "pass\u00adword: <PASSWORD>"),
        ("export PGPASSWORD=t7Gq91xzLm44", "export PGPASSWORD=<PASSWORD>"),
        ("**Password:** `Xk9vQ2mLp7!`", "**Password:** `<PASSWORD>`"),
        ("<password>Xk9vQ2mLp7!</password>", "<password><PASSWORD></password>"),
        ("Ihr Passwort: Xk9vQ2mLp7!", "Ihr Passwort: <PASSWORD>"),
        ("token=" + LONG * 7, "token=<PASSWORD>"),
        ("TWILIO_AUTH_TOKEN=" + "0a1b2c3d" * 4, "TWILIO_AUTH_TOKEN=<PASSWORD>"),
        ("curl -H 'Authorization: Bearer 9f8Ae7Kd92LmQz81'", "curl -H 'Authorization: Bearer <BEARER_TOKEN>'"),
        ("It sends bearer 9f8Ae7Kd92LmQz81kx0P on.", "It sends bearer <BEARER_TOKEN> on."),
        ("authorization: Token 9f8Ae7Kd92LmQz81kx0P", "authorization: Token <BEARER_TOKEN>"),
        ("Authorization: Basic am9lOnN1bnNoaW5l", "Authorization: Basic <BASIC_LOGIN>"),
        (
            "https://a.blob.core.windows.net/c/b?sv=2022&sr=b&sig=" + LONG[:30] + "%2F" + LONG[:10] + "%3D&se=1",
            "https://a.blob.core.windows.net/c/b?sv=2022&sr=b&sig=<URL_SIGNATURE>&se=1",
        ),
        (
            "DefaultEndpointsProtocol=https;AccountName=x;AccountKey="
            + LONG[:43]
            + "/"
            + LONG[:42]
            + "==;EndpointSuffix=y",
            "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=<AZURE_KEY>;EndpointSuffix=y",
        ),
        ("Endpoint=sb://x/;SharedAccessKey=" + LONG[:43] + "=", "Endpoint=sb://x/;SharedAccessKey=<AZURE_KEY>"),
        (f"glpat-{'a1B2' * 6}.01.0a1b2c3d4", "<GITLAB_TOKEN>"),
        ("sk-ant-api03-" + LONG[:80] + "-AA", "<SERVICE_KEY>"),
        ("sk_test_" + LONG[:24], "<STRIPE_KEY>"),
        ("xapp-1-A0123456789-1234567890123-" + "0a1b" * 16, "<SLACK_TOKEN>"),
        ("https://discord.com/api/webhooks/123456789012345678/" + LONG[:68], "<WEBHOOK>"),
        (
            f"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n{BODY}\n---- END SSH2 ENCRYPTED PRIVATE KEY ----",
            "<PRIVATE_KEY>",
        ),
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


NAMED = [
    "password",
    "API key",
    "api_key",
    "db_password",
    "Bearer",
    "Authorization",
    ";Pwd",
    "AccountKey",
    "mot de passe",
]
BETWEEN = ["", ":", "=", " |", ",", " is", '"', "**"]
VALUES = ["S3cr3t!9xYq2Zk7Lm", "Support2024-team", LONG[:43] + "=", "sunshine"]


@given(
    st.lists(
        st.one_of(
            st.tuples(*map(st.sampled_from, (NAMED, BETWEEN, ["\n", "\n\n  ", "      ", " "], VALUES))).map("".join),
            st.sampled_from([*NAMED, *BETWEEN, *VALUES, *LEFT_ALONE]),
        ),
        max_size=6,
    ),
    st.sampled_from(["\n", "    ", ", "]),
)
def test_lines_that_are_joined_later_make_no_secret_of_what_was_none(parts: list[str], between: str) -> None:
    cleaned = redact(between.join(parts), Counter())
    assert not count_secrets(" ".join(cleaned.split()))


@pytest.mark.parametrize(
    "unit",
    [
        "password",
        "token ",
        "pwd,",
        "secret\n" + " " * 999,
        "mot de ",
        "token|",
        "token,token\n",
        "api ",
        "x\u200b",
        "key:a1b2c3d4 secret:",
        "eyJ",
        "a://b:",
        "password=",
        "-----BEGIN PRIVATE KEY-----",
        "sk-",
        "A",
        "xoxb-a",
        "::",
        "bearer ",
        ";pwd=",
    ],
)
def test_a_text_of_a_million_hostile_characters_is_read(unit: str) -> None:
    redact(unit * (1_000_000 // len(unit)), Counter())


def test_a_secret_in_a_finished_dataset_fails_its_gate_without_being_shown() -> None:
    clean = [{"question": "Who?", "answer": "Me."}]
    assert secret_gate([clean]).passed
    gate = secret_gate([clean, [{"text": f"use {SECRETS['AWS_ACCESS_KEY']}"}]])
    assert not gate.passed
    assert gate.measured == "1 AWS_ACCESS_KEY"
