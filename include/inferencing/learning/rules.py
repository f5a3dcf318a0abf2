"""What a gateway needs to know of each use case to keep exchanges: written where a model is deployed, read by gateways.

A use case without rules keeps nothing.
"""

from pydantic import BaseModel, ConfigDict, Field

from include.artifacts.bucket import Bucket
from include.artifacts.document import Document
from include.core.errors import CorruptedArtifactError
from include.inferencing.config.learning import LearningConfig
from include.privacy.policy import IDENTIFYING, HidingConfig

CAPTURE = "serving/capture.json"


class CaptureRules(BaseModel):
    """How much of a use case's exchanges is kept, for how long, and what is hidden in them."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    sample: float = Field(ge=0, le=1)
    keep_days: int
    max_characters: int
    hiding: HidingConfig


class Rules(BaseModel):
    """The document: rules by use case."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    use_cases: dict[str, CaptureRules] = {}


def rules_of(learning: LearningConfig, hiding: HidingConfig) -> CaptureRules:
    """The rules of a use case: what leads to one person is hidden, whatever its policy for other sources keeps."""
    policy = {
        kind: "pseudonym" if kind in IDENTIFYING and is_ == "keep" else is_ for kind, is_ in hiding.policy.items()
    }
    return CaptureRules(
        sample=learning.sample,
        keep_days=learning.keep_days,
        max_characters=learning.max_characters,
        hiding=HidingConfig(policy=policy, caution=hiding.caution, batch=hiding.batch),
    )


def publish_rules(bucket: Bucket, use_case: str, learning: LearningConfig, hiding: HidingConfig) -> None:
    """Make these the use case's rules; gateways follow within seconds."""
    document, mine = Document(bucket, CAPTURE), rules_of(learning, hiding)
    while True:
        rules, version = read_rules(bucket)
        if rules.use_cases.get(use_case) == mine:
            return
        changed = Rules(use_cases=rules.use_cases | {use_case: mine})
        if document.swap(changed.model_dump(mode="json"), version):
            return


def read_rules(bucket: Bucket) -> tuple[Rules, str | None]:
    """The document and its version; an empty one and None before the first deployment."""
    document = Document(bucket, CAPTURE)
    value, version = document.read()
    try:
        return Rules.model_validate(value or {}), version
    except ValueError as error:
        problem = "the rules of what is kept cannot be read"
        raise CorruptedArtifactError(CAPTURE, str(error)[:200], problem, "Deploy again after deleting it") from error
