"""The model card of what the gate has chosen: what it is for, what it was made of, what it does, costs and may not."""

import json
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.core.errors import GateError
from include.customization.race.card import ModelCard, markdown, write_card
from include.customization.race.costs import Costs, metered_seconds, read_costs
from include.evaluation.canaries import planted
from include.evaluation.trained_on import licence_chain


@step("report", measures=("preferences", "reward_model"))
def model_card(
    work: Workspace,
    model: ArtifactRef,
    dataset: ArtifactRef,
    charter: ArtifactRef,
    costs: ArtifactRef,
    gate: ArtifactRef,
    adapter: ArtifactRef,
    preferences: ArtifactRef,
    reward_model: ArtifactRef,
    approvals: list[dict[str, str]],
) -> None:
    """model_card.json with its schema, model_card.md for people, after Mitchell et al. 2019.

    `approvals`: what people have said of the charter and of the gate's report. GateError where the gate has chosen
    another adapter, or none.
    """
    judged = json.loads(work.store.read(gate, "gate.json"))
    chosen = next((one for one in judged["trials"] if one["selected"]), None)
    if chosen is None or ArtifactRef.model_validate(chosen["adapter"]).digest != adapter.digest:
        raise GateError("gate", str(gate), f"it has not chosen {adapter}", "Describe the adapter that it has chosen")
    documents = {
        "charter": json.loads(work.store.read(charter, "charter.json")),
        "model": json.loads(work.store.read(model, "model_info.json")),
        "data": json.loads(work.store.read(dataset, "card.json")),
        "adapter": json.loads(work.store.read(adapter, "adapter_info.json")),
    }
    documents["learnt"] = {
        "seconds": sum(metered_seconds(work.manifest(ref).metrics) for ref in (preferences, reward_model))
    }
    digests = {"model": model.digest, "dataset": dataset.digest, "adapter": adapter.digest}
    card = _card(documents, digests, read_costs(work.store, costs), judged, chosen, approvals)
    write_card(work.output, card)
    work.metrics |= {"name": card.name, "licences": ", ".join(card.licences), "approvals": len(card.approvals)}
    Report(f"Model card: {card.name}").quote("As it goes with the model", markdown(card)).write(work.output)


def _card(
    documents: dict[str, dict[str, Any]],
    digests: dict[str, str],
    costs: Costs,
    judged: dict[str, Any],
    chosen: dict[str, Any],
    approvals: list[dict[str, str]],
) -> ModelCard:
    charter, model, data = documents["charter"], documents["model"], documents["data"]
    train = data.get("splits", {}).get("train", {})
    chain = licence_chain(model, documents["adapter"])
    entrant = next(one for one in costs.entrants if one.path == judged["path"])
    return ModelCard.model_validate(
        {
            "name": f"{model['name']} with {chosen['name']}",
            "intended_use": {name: charter[name] for name in ("goal", "problem_or_opportunity", "owner")}
            | {"objectives": [one["text"] for one in charter["objectives"]]},
            "base": {"digest": digests["model"]}
            | {name: model.get(name) for name in ("name", "license", "parameters", "origin")},
            "data": {
                "digest": digests["dataset"],
                "notice": data.get("notice", ""),
                "verdict": data.get("verdict", ""),
                "records": train.get("records"),
                "licences": train.get("licences", {}),
                "sources": train.get("sources", {}),
            },
            "technique": {"name": chosen["name"], "technique": chosen["technique"], "form": chosen["form"]}
            | {"digest": digests["adapter"], "configuration": entrant.config},
            "results": chosen["indicators"],
            "indicator": judged["indicator"],
            "differences": chosen["against"],
            "checks": chosen["checks"],
            "rivals": [one["name"] for one in judged["trials"] if one is not chosen],
            "cost": {
                "currency": judged["currency"],
                "training": chosen["training_cost"],
                "race": judged["cost"],
                "shared": costs.prices.money(documents["learnt"]["seconds"]),
                "predicted": costs.prices.money(entrant.device_seconds),
                "serving_a_month_more": chosen["serving_cost_a_month"],
            },
            "canaries": len({*planted(documents["model"]), *planted(documents["adapter"])}),
            "licences": sorted({name for names in chain.values() for name in names}),
            "licences_of": chain,
            "approvals": approvals,
        }
    )
