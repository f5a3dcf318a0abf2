"""Quoted replies, forwarded headers and signatures leave messages, and nothing else does."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.data_preparation.cleaning.messages import without_quotes

HEADERS = "From: Ann <ann@example.org>\nSent: Monday, 3 March 2025 10:00\nTo: Bob\nSubject: Re: queue\n"


@pytest.mark.parametrize(
    ("text", "kept", "kinds"),
    [
        (
            "It works now.\n\nOn Mon, 3 Mar 2025 at 10:00, Ann <ann@example.org> wrote:\n> Did you try it?\n>\n> Ann",
            "It works now.",
            {"quoted reply": 4},
        ),
        (
            "Yes.\n\nOn Mon, 3 Mar 2025 at 10:00, Ann Long\n<ann@example.org> wrote:\n> Did you?\n\nOne more thing.",
            "Yes.\n\n\nOne more thing.",
            {"quoted reply": 3},
        ),
        ("Danke!\nAm 3.3.2025 um 10:00 schrieb Ann:\n> Geht es?", "Danke!", {"quoted reply": 2}),
        ("Merci.\nLe 3 mars 2025 à 10:00, Ann a écrit :\n> Alors ?", "Merci.", {"quoted reply": 2}),
        ("Done.\n-----Original Message-----\n" + HEADERS + "\nPlease do it.", "Done.", {"quoted reply": 6}),
        ("Done.\n\n" + HEADERS + "\nPlease do it.", "Done.", {"quoted reply": 5}),
        (
            "Please look.\n---------- Forwarded message ---------\n" + HEADERS + "\nThe queue is stuck.",
            "Please look.\n\nThe queue is stuck.",
            {"forward header": 5},
        ),
        (
            "-----Original Message-----\n" + HEADERS + "\nThe queue is stuck.",
            "The queue is stuck.",
            {"forward header": 5},
        ),
        ("The queue is stuck.\n-- \nAnn Long\nExample Ltd", "The queue is stuck.", {"signature": 3}),
        ("On my way.\n\nSent from my phone", "On my way.", {"signature": 1}),
    ],
)
def test_what_a_mail_program_adds_leaves(text: str, kept: str, kinds: dict[str, int]) -> None:
    removed: Counter[str] = Counter()
    assert without_quotes(text, removed).strip() == kept
    assert removed == kinds


@pytest.mark.parametrize(
    "text",
    [
        "> A quote of Markdown without a sender\n\nand an answer to it.",
        ">>> os.getcwd()\n'/home'\n\nThe working directory.",
        "On page 12 the author wrote:\nNothing is lost.",
        "Make a message:\n\n    From: a@b.example\n    Date: today\n    Subject: hello\n\nand send it.",
        "Set From: and To: before you call send().\nFrom: the sender\nTo: the receiver\nThe rest follows.",
        "The option -- ends the list.\n--\n" + "\n".join(f"Line {n} of a long text." for n in range(30)),
        "On Mon, 3 Mar 2025 at 10:00, Ann <ann@example.org> wrote:\n> Only a quote.",
        "",
    ],
)
def test_documents_and_messages_of_a_quote_only_stay_whole(text: str) -> None:
    removed: Counter[str] = Counter()
    assert without_quotes(text, removed) == text
    assert not removed


PARTS = ["On Mon 2025 Ann wrote:", "> quoted", "--", "-----Original Message-----", "", "text", *HEADERS.splitlines()]


@given(st.lists(st.sampled_from(PARTS), max_size=20))
def test_lines_stay_in_order_and_none_is_lost_uncounted(parts: list[str]) -> None:
    text, removed = "\n".join(parts), Counter[str]()
    result = without_quotes(text, removed)
    lines, kept = [line for line in parts if line], [line for line in result.split("\n") if line]
    rest = iter(lines)
    assert all(line in rest for line in kept)
    assert len(lines) - len(kept) == removed.total()
