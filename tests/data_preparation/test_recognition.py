"""The tagger: what it learns from, its rules, its shapes, and the weights that the project ships."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.privacy.recognition.engine import batches
from include.privacy.recognition.features import featurize, pipeline, readable
from include.privacy.recognition.network import build, joined
from include.privacy.recognition.patterns import shaped
from include.privacy.recognition.predefined import certain
from include.privacy.recognition.recipe import recipe
from include.privacy.recognition.repair import repaired
from include.privacy.recognition.sentences import Labelled, generate, templates
from include.privacy.recognition.tagger import TAGS, Tagger, best_tags, combined
from include.privacy.recognition.training import train
from include.privacy.recognition.weights import load, metadata, save


def test_the_weights_were_made_from_the_sentences_of_today() -> None:
    """Else run `python -m benchmarks.personal_data.make_weights`."""
    assert metadata() == recipe()


def test_sentences_are_equal_for_equal_seeds_and_their_spans_are_what_was_filled_in() -> None:
    samples = generate(400, 3)
    assert samples == generate(400, 3) != generate(400, 4)
    for sample in samples:
        ends = 0
        for start, end, _ in sample.spans:
            assert ends <= start < end <= len(sample.text)
            assert sample.text[start:end].strip()
            ends = end
    assert any(not sample.spans for sample in samples)
    assert len(templates()) > 200


def test_a_text_without_white_space_is_read_in_pieces_at_its_places() -> None:
    """The whole at once takes spaCy hours."""
    text = "(" * 100_000 + " Anna"
    batch = featurize([text])
    assert batch.starts[0].tolist() == [*range(100_000), 100_001]
    assert batch.ends[0].tolist() == [*range(1, 100_001), len(text)]


def test_training_is_reproducible_learns_and_survives_its_file(tmp_path) -> None:  # type: ignore[no-untyped-def]
    samples = generate(250, 5)
    digests = []
    for name in ("one", "two"):
        network = train(samples, 1, 2)
        save(network, tmp_path / name, {"seed": "1"})
        digests.append(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert digests[0] == digests[1]
    texts = ["My name is Maria Gonzalez and I live in Lisbon.", "Call me on +49 30 1234567."]
    assert Tagger(load(tmp_path / "one"), 1).tag(texts) == Tagger(load(tmp_path / "two"), 1).tag(texts)


def test_the_network_computes_what_the_pretrained_pipeline_computes() -> None:
    import numpy as np
    import torch

    texts = ["Mr. John Smith lives at 12 Oak St.\n\nSpringfield", "Hello from Berlin, Anna", ""]
    network, seen = build(3).eval(), []
    network.members[0].hidden.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    batch = featurize(texts)
    with torch.no_grad():
        network(batch)
    expected = np.concatenate([pipeline()(text).tensor for text in texts[:2]])
    assert np.abs(seen[0][torch.as_tensor(batch.inside)].numpy() - expected).max() < 1e-4


@given(st.text(max_size=200))
@settings(deadline=None, max_examples=60)
def test_any_text_gives_disjoint_spans_inside_it(text: str) -> None:
    assert len(readable(text)) == len(text)
    (found,) = TAGGER.tag([text])
    end = 0
    for _, start, stop in combined(found, list(shaped(text))):
        assert end <= start < stop <= len(text)
        end = stop


TAGGER = Tagger(load(), 1)


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
@settings(deadline=None, max_examples=40)
def test_the_best_tags_are_an_allowed_sequence(seed: int, length: int) -> None:
    import numpy as np

    scores = np.random.default_rng(seed).normal(size=(length, len(TAGS))).astype("float32")
    before = "O"
    for tag in (TAGS[place] for place in best_tags(scores)):
        assert tag[0] != "I" or before[1:] == tag[1:]
        before = tag


@pytest.mark.parametrize(
    ("text", "entity", "value"),
    [
        ("the card 4000 0012 3456 7899.", "CREDIT_CARD", "4000 0012 3456 7899"),
        ("pay DE89 3704 0044 0532 0130 00 now", "IBAN_CODE", "DE89 3704 0044 0532 0130 00"),
        ("+44 20 7946 0958 or", "PHONE_NUMBER", "+44 20 7946 0958"),
        ("(212) 555-0142 x12", "PHONE_NUMBER", "(212) 555-0142"),
        ("mail anna.o'neil@mail.example.co.uk.", "EMAIL_ADDRESS", "anna.o'neil@mail.example.co.uk"),
        ("see https://example.org/a?b=c, then", "URL", "https://example.org/a?b=c"),
        ("host 2001:db8::1 and", "IP_ADDRESS", "2001:db8::1"),
        ("Host 203.0.113.77: timeout", "IP_ADDRESS", "203.0.113.77"),
        ("198.51.100.23:51234 ->", "IP_ADDRESS", "198.51.100.23"),
        ("SSN 123-45-6789.", "US_SSN", "123-45-6789"),
        ("card 4000.0012.3456.7899, please", "CREDIT_CARD", "4000.0012.3456.7899"),
        ("amex 3782 822463 10005.", "CREDIT_CARD", "3782 822463 10005"),
        ("card 2223003122003222 expires", "CREDIT_CARD", "2223003122003222"),
        ("to de89370400440532013000", "IBAN_CODE", "de89370400440532013000"),
        ("to de89 3704 0044 0532 0130 00.", "IBAN_CODE", "de89 3704 0044 0532 0130 00"),
        ("mail __jo.weber@firma.de__ now", "EMAIL_ADDRESS", "jo.weber@firma.de"),
        ("mail **jo.weber@firma.de** now", "EMAIL_ADDRESS", "jo.weber@firma.de"),
        (r"E-mail:\njo.weber@firma.de\n", "EMAIL_ADDRESS", "jo.weber@firma.de"),
        ("the record moved from 203.0.113.7 to 203.0.113.9", "IP_ADDRESS", "203.0.113.9"),
        ("tel. 01.23.45.67.89", "PHONE_NUMBER", "01.23.45.67.89"),
    ],
)
def test_what_has_a_shape_is_found_to_its_ends(text: str, entity: str, value: str) -> None:
    found = {(kind, text[start:end]) for kind, start, end in shaped(text)}
    assert any(kind == entity and piece.startswith(value) for kind, piece in found), found


@pytest.mark.parametrize(
    ("text", "entity"),
    [
        ("Card 5500\u20110055\u20115555\u20115559", "CREDIT_CARD"),
        ("SSN 123\u201145\u20116789", "US_SSN"),
        ("Call 555\u2013123\u20134567", "PHONE_NUMBER"),
        ("Call 555\u2014123\u20144567", "PHONE_NUMBER"),
        ("Call 555\u2212123\u22124567", "PHONE_NUMBER"),
        ("+49\u00a030\u00a01234567", "PHONE_NUMBER"),
        ("DE89\u202f3704\u20090044\u00a00532\u00a00130\u00a000", "IBAN_CODE"),
        ("anna\uff20example\uff0ecom", "EMAIL_ADDRESS"),
        ("\uff14000 0012 3456 7899", "CREDIT_CARD"),
    ],
)
def test_what_has_a_shape_is_found_in_any_typography(text: str, entity: str) -> None:
    kinds = {kind for kind, start, end in shaped(text) if end == len(text)}
    assert entity in kinds


@pytest.mark.parametrize(
    "text",
    [
        "4000 0012 3456 7890",
        "DE88370400440532013000",
        "300.1.2.3",
        "std::vector::iterator and ab::cd",
        "git clone git@github.com:user/repo.git",
        "numbers[10::2] and data[100::25]",
        "GH-123456 and PR-123456",
        "version 1.2.3.4.5",
        "Upgrade from 1.2.3.4 to 1.2.3.5",
        "Fixed in release 10.2.3.4, broken in build 10.2.3.3",
        "pip install package==1.2.3.4",
        "CVE-2024-12345",
        "+12345678 lines",
        "2025-03-04 10:15:30",
        "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        "127.0.0.1",
        "0x80070005",
        "3.11.7",
        "SHA 3f786850e387550fdab836ed7e6dc881de23001b",
    ],
)
def test_what_fails_its_check_or_is_technical_has_no_shape(text: str) -> None:
    assert list(shaped(text)) == []


def test_ends_are_repaired() -> None:
    text = "Ask Anna's, (Peter) or v3.11.7: KeyError. 030 1234567 mobile"
    spans = [("PERSON", 4, 11), ("PERSON", 12, 19), ("DATE_TIME", 23, 31), ("PERSON", 32, 40), ("PHONE_NUMBER", 42, 60)]
    assert [text[start:end] for _, start, end in repaired(text, spans)] == ["Anna", "Peter", "030 1234567"]


@pytest.mark.parametrize(
    ("text", "entity", "value", "kept"),
    [
        ("import pandas as pd", "PERSON", "pd", False),
        ("import numpy as np, pandas as pd", "LOCATION", "pd", False),
        ("she is known as pia in town", "PERSON", "pia", True),
        ("I know Pia", "PERSON", "Pia", True),
        ("CVE-2024-12345 is open", "STREET_ADDRESS", "CVE-2024-12345", False),
        ("see RFC 7231", "STREET_ADDRESS", "RFC 7231", False),
        ("Firefox 128 and Chrome 126", "STREET_ADDRESS", "128 and Chrome 126", False),
        ("at 128 Andover Road", "STREET_ADDRESS", "128 Andover Road", True),
        ("the zip code is 5904", "STREET_ADDRESS", "5904", True),
        ("the count is 5904", "STREET_ADDRESS", "5904", False),
    ],
)
def test_what_is_no_name_or_address_is_dropped_and_what_its_context_proves_is_kept(
    text: str, entity: str, value: str, kept: bool
) -> None:
    place = text.index(value)
    assert bool(repaired(text, [(entity, place, place + len(value))])) == kept


def test_members_are_averaged_and_survive_their_file(tmp_path) -> None:  # type: ignore[no-untyped-def]
    import torch

    one, two = build(len(TAGS)), build(len(TAGS))
    batch = featurize(["Ask Anna Schmidt in Berlin."])
    with torch.no_grad():
        expected = (one.eval()(batch) + two.eval()(batch)) / 2
        both = joined([one, two])
        assert torch.allclose(both(batch), expected, atol=1e-6)
        save(both, tmp_path / "both", {})
        assert torch.allclose(load(tmp_path / "both")(batch), expected, atol=0.2)


def test_labels_are_what_the_tagger_knows() -> None:
    assert {entity for sample in generate(600, 1) for *_, entity in sample.spans} <= {tag[2:] for tag in TAGS}
    assert Labelled("", ()).spans == ()


def test_long_texts_are_tagged_few_at_a_time() -> None:
    texts = ["a" * 10_000] * 4 + ["b" * 90_000, ""] + ["c"] * 40
    groups = list(batches(texts, 32))
    assert [text for group in groups for text in group] == texts
    assert [len(group) for group in groups] == [3, 1, 1, 32, 9]


@pytest.mark.parametrize(
    "text", ["accuracy 0.5564543226524334", "ts=1643842498632914", "0.4111111111111111", "at 1.4111111111111111s"]
)
def test_decimals_and_times_are_no_cards(text: str) -> None:
    assert not list(certain(text, {"CREDIT_CARD"}))


def test_a_card_of_one_digit_over_and_over_is_one() -> None:
    assert list(certain("Order 4111111111111111 was sent.", {"CREDIT_CARD"})) == [("CREDIT_CARD", 6, 22)]
