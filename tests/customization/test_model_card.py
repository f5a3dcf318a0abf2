"""The model card of what the gate has chosen: whole, by its schema, and the same bytes each time."""

import json

import pytest

from include.artifacts.store import ArtifactStore
from include.core.errors import GateError
from include.customization.model_card import model_card
from include.customization.race.card import ModelCard
from tests.customization.race_scene import Scene, raced_adapter, raced_learnt
from tests.customization.test_gate import BASE, BEST, BETTER, CHANCE
from tests.training.hand_made import hand_made_model

APPROVAL = {
    "of": "model",
    "choice": "approved",
    "name": "Ada | Byron",
    "comment": "",
    "at": "2026-11-27T10:00:00+00:00",
}


def test_the_card_tells_what_the_model_is_and_what_it_was_made_of(store: ArtifactStore) -> None:
    scene = Scene(store, BASE, prompt_tuning=BETTER, lora=BEST)
    read = {"licences": {"instruction data": {"PSF-2.0": 9}, "preference pairs": {"BSD-3-Clause": 2}}}
    scene.model = hand_made_model(store, name="m", parameters=9, license="MIT", more={"text_licenses": ["ISC"]})
    scene.baseline = scene.champion = scene.evaluation(BASE)
    scene.adapters["lora"] = raced_adapter(store, technique="lora", base=scene.model, info=read)
    scene.evaluations = [
        scene.evaluation(losses, scene.adapters[name]) for name, losses in (("prompt_tuning", BETTER), ("lora", BEST))
    ]
    arguments = {
        "model": scene.model,
        "dataset": scene.dataset,
        "charter": scene.charter(),
        "costs": scene.costs(),
        "gate": scene.gate().ref,
        "adapter": scene.adapters["lora"],
        "preferences": raced_learnt(store, seconds=3600.0),
        "reward_model": raced_learnt(store, seconds=1800.0),
        "approvals": [APPROVAL],
    }

    outcome = model_card.run(store, arguments)

    card = ModelCard.model_validate_json(store.read(outcome.ref, "model_card.json"))
    assert card.name == "m with lora" and card.intended_use.owner == "Engineering Productivity"
    assert card.licences == ("BSD-3-Clause", "ISC", "MIT", "PSF-2.0") and card.base.digest == scene.model.digest
    assert card.technique.configuration["rank"] == 16 and card.rivals == ("prompt_tuning",)
    assert card.cost.training == pytest.approx(100 / 3600 * 0.05) and card.cost.race == pytest.approx(
        2 * card.cost.training, rel=1e-3
    )
    assert card.cost.shared == pytest.approx(1.5 * 0.05)
    assert card.differences["base"]["high"] < 0 and card.approvals[0].name == "Ada | Byron"
    assert all(check["passed"] for check in card.checks)
    text = store.read(outcome.ref, "model_card.md").decode()
    for part in (
        "# m with lora",
        "licence MIT",
        "preference pairs: BSD-3-Clause",
        "answer_bits_per_char",
        "| rank | 16 |",
        "approved by Ada | Byron",
    ):
        assert part in text
    schema = json.loads(store.read(outcome.ref, "model_card.schema.json"))
    assert schema["properties"].keys() == ModelCard.model_fields.keys()
    assert model_card.run(store, arguments, force=True).ref.digest == outcome.ref.digest


def test_no_card_is_written_of_what_the_gate_has_not_chosen(store: ArtifactStore) -> None:
    scene = Scene(store, BASE, prompt_tuning=CHANCE, lora=BEST)
    arguments = {"model": scene.model, "dataset": scene.dataset, "charter": scene.charter(), "costs": scene.costs()}
    arguments |= {name: raced_learnt(store, seconds=0.0) for name in ("preferences", "reward_model")}
    with pytest.raises(GateError, match="has not chosen"):
        model_card(store, **arguments, gate=scene.gate().ref, adapter=scene.adapters["prompt_tuning"], approvals=[])
