"""What is dropped as junk, short and long, and what has to survive."""

import base64
import random

import pytest
from pydantic import ValidationError

from include.data_preparation.clean import tidy
from include.data_preparation.cleaning.quality import verdict
from include.data_preparation.config import CleanConfig
from include.data_preparation.sources import docstrings

CONFIG = CleanConfig()
DRAW = random.Random(5)
BYTES = base64.b64encode(DRAW.randbytes(1500)).decode()
PROSE = (
    "The scheduler starts every job when its time has come. It keeps a note of what it did in the log file, which is "
    "rotated once a week. Jobs that fail are tried again three times, with a growing pause in between, and an operator "
    "is told when the last attempt has failed. Paused jobs keep their place in the queue and go on where they stopped. "
)
LOREM = (
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore "
    "magna aliqua. Ut enim ad minim veniam, quis nostrud exercitation ullamco laboris nisi ut aliquip ex ea commodo. "
)


def words(count: int) -> str:
    """Distinct sentences of real words."""
    names = ("server", "client", "packet", "index", "table", "cache", "queue", "worker", "script", "module")
    lines = [
        f"The {DRAW.choice(names)} of {DRAW.choice(names)} {n} reads the {DRAW.choice(names)}." for n in range(count)
    ]
    return " ".join(lines)


SHORT_HELPFUL = [
    "Thanks, that fixed it!",
    "Fixed in 2.3.1, please upgrade.",
    "Have you tried turning it off and on again?",
    "SERVER DOWN SINCE 9, PLEASE HELP US NOW!!!",
    "I CANNOT LOG IN ANY MORE SINCE THE UPDATE YESTERDAY, PLEASE RESET MY PASSWORD",
    "Pleeeease heeeelp, nothing works!!!!!",
    "Error 500 on /api/v2/users since 09:45 UTC, request id 7f3a9c.",
    "See the manual: https://docs.python.org/3/library/json.html",
    "no no no, that is not what I asked for",
    "Use `df.groupby('a').sum()` instead of the loop.",
    "My order 4711 of 12.03. has not arrived yet.",
    "http, https, ssh and ctrl+c: nothing gets through the proxy",
    "pip install -U numpy==1.26.4 solved the problem for me",
    "The VPN drops every 10 minutes; ping shows 40% loss.",
    "Rhythm and strengths of the psych dept wrt. xylophones",
    "Das Kennwort wurde zurückgesetzt.",
    "Works for me on 3.11, 3.12 and 3.13; fails on 3.10.",
]
JUNK = {
    "mashed keys": [
        "asdf jkl asdf jklö asdfgh",
        "sdkfjh sdkjfh skdjfhskdjfh wieur",
        "qwertyuiop asdfghjkl zxcvbnm poiuy",
    ],
    "few letters": ["+--+--+--+ | 1 | 2 | +--+--+--+ ok so"],
    "character runs": ["aaaaaaaaaaaaa bbbbbbbbbbbbbb ccccccccc dddddddddd eeeeeeee"],
    "numbers or signs": [
        "$% & /() =? !$ a % b & c / d ( e ) ==? !! ??",
        "total 12 44 18 27 93 55 61 70 82 as 11",
        "a 1 b 2 3 4 5 6 7 8 9 10 11 12 13",
    ],
    "repetitive": ["spam spam spam spam spam spam spam", "buy it now cheap " * 6, "Click the red button\n" * 8],
    "encoded data": [f"data is {BYTES[:200]}", "=C3=A9=C3=A8=E2=80=99=C3=A9 see =C3=A9=C3=A8 this =C3=A9 one it is"],
    "capitals": ["BUY NOW!!! CHEAP WATCHES ONLY $9 AT www.example.com/buy!!!"],
    "links": ["see these https://a.example/aaaaaaaaaaaaaa https://b.example/bbbbbbbbbbbbbbbbb it is good"],
    "placeholder": [LOREM[:70]],
    "broken encoding": ["The caf\ufffd is closed on Sundays."],
    "too short": ["ok", "https://example.org/a/b/c/d/e/f/g"],
}
LONG_JUNK = {
    "mashed keys": " ".join("".join(DRAW.choices("sdfghjklqwxzvbnm", k=7)) for _ in range(300)),
    "few letters": "x1=(22+33); y2={44*55}; " * 100,
    "repetitive": "Click here to read more about our offers and news. " * 40,
    "numbers or signs": " ".join(f"{DRAW.random() * 100:.2f}" if n % 2 else f"row {n}" for n in range(400)) + words(3),
    "encoded data": words(30) + "\n" + BYTES,
    "capitals": words(60).upper(),
    "links": words(12) + " ".join(f"https://example.org/path/{n}/to/something/else" for n in range(60)),
    "placeholder": LOREM * 5,
    "broken encoding": words(60).replace("reads", "r\ufffdads"),
    "cut-off lines": "\n".join(f"{sentence} and so ..." for sentence in words(60).split(".")),
    "strange words": " ".join("".join(DRAW.choices("abcdeiou", k=40)) for _ in range(200)),
}


@pytest.mark.parametrize("text", SHORT_HELPFUL)
def test_a_short_helpful_message_stays(text: str) -> None:
    assert verdict(tidy(text), CONFIG) is True


@pytest.mark.parametrize(("reason", "text"), [(reason, text) for reason, texts in JUNK.items() for text in texts])
def test_short_junk_goes_with_its_reason(reason: str, text: str) -> None:
    assert str(verdict(tidy(text), CONFIG)).partition(":")[0] == reason


@pytest.mark.parametrize(("reason", "text"), LONG_JUNK.items())
def test_long_junk_goes_with_its_reason(reason: str, text: str) -> None:
    assert str(verdict(tidy(text), CONFIG)).partition(":")[0] == reason


@pytest.mark.parametrize(
    "addition",
    [
        "",
        "\n\n- first point\n- second point\n- third point",
        "\n\n>>> jobs = [1, 2, 3]\n>>> sum(jobs)\n6",
        "\nA damaged \ufffd character.",
        f"\nToken: {BYTES[:60]}",
        "\nTHIS IS IMPORTANT: DO NOT STOP IT!!! See https://example.org/manual for $5.",
        "\n| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |",
        "\nLorem ipsum dolor sit amet is filler text.",
    ],
)
def test_a_long_document_is_not_dropped_for_one_odd_line(addition: str) -> None:
    assert verdict(tidy(PROSE + words(40) + addition), CONFIG) is True


def test_the_standard_library_is_hardly_touched() -> None:
    texts = [tidy(document.text) for document in docstrings.standard_library()]
    reasons = [str(answer).partition(":")[0] for text in texts if (answer := verdict(text, CONFIG)) is not True]
    unexpected = [reason for reason in reasons if reason not in ("too short", "empty", "language")]
    assert len(texts) > 1000
    assert len(unexpected) <= len(texts) / 500


@pytest.mark.parametrize(
    ("text", "kept_by"),
    [
        ("Seit gestern kann ich mich nicht mehr anmelden, bitte setzen Sie mein Kennwort zurück. Vielen Dank!", "de"),
        ("Depuis hier je ne peux plus me connecter, merci de réinitialiser mon mot de passe au plus vite.", "fr"),
        ("昨日からログインできません。パスワードをリセットしていただけますか。よろしくお願いいたします。" * 2, "ja"),
    ],
)
def test_each_language_that_is_accepted_stays_and_no_other(text: str, kept_by: str) -> None:
    assert str(verdict(text, CONFIG)).startswith(f"language: {kept_by}")
    assert verdict(text, CleanConfig(languages=("en", kept_by))) is True
    assert verdict(text, CleanConfig.model_validate({"language": kept_by})) is True


def test_one_language_may_be_named_and_not_beside_several() -> None:
    assert CleanConfig.model_validate({"language": "fr"}).languages == ("fr",)
    with pytest.raises(ValidationError, match="name one of them"):
        CleanConfig.model_validate({"language": "fr", "languages": ["de"]})
    with pytest.raises(ValidationError):
        CleanConfig(languages=("english",))


@pytest.mark.parametrize(
    ("raw", "whole"),
    [
        ("Itâ€™s â€œfineâ€\x9d at 20Â°", 'It\'s "fine" at 20°'),
        ("Ã©tÃ© and été in one line", "été and été in one line"),
        ("first line: Ã¼ber\nsecond line: über", "first line: über\nsecond line: über"),
        ("twice: ÃƒÂ©", "twice: é"),
        ("\ufeffA mark, a nul\x00 and a\r\nbreak", "A mark, a nul and a\nbreak"),
        ("Tom &amp; Jerry &lt;3", "Tom & Jerry <3"),
        ("naïve café, 5 € and 東京 stay", "naïve café, 5 € and 東京 stay"),
        ("cafe\u0301", "caf\u00e9"),
    ],
)
def test_damage_of_encodings_is_repaired_and_right_text_stays(raw: str, whole: str) -> None:
    assert tidy(raw) == whole
