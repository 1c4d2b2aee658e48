"""Every error that metier raises.

::

    MetierError
    ├── InvalidInput               what was asked cannot be worked on
    │   ├── EmptyQuestion
    │   ├── UnreadableInput        binary or undecodable text
    │   ├── InvalidPlan            a cycle, a missing step, an unknown expert
    │   ├── InvalidRecipe          a merge that is described wrongly
    │   ├── UnknownRun             no kept run has this id
    │   └── UnreadableWeights      no whole GGUF file
    ├── InvalidCard                a domain.toml that cannot be used
    ├── InvalidSettings
    ├── UnknownExpert
    ├── PluginBroken               a plugin that cannot be imported or built
    ├── IndexUnavailable           the index cannot be built
    │   └── Locked                 another process is writing to the same place
    ├── ModelError
    │   ├── ModelMissing           not installed on the server
    │   ├── ModelRefused           the server refused the request
    │   ├── ContextOverflow        the prompt is longer than the model's context
    │   ├── InvalidEmbedding       vectors that cannot be compared with others
    │   └── InvalidOutput          a model's words do not have the shape that was asked for
    ├── ModelServerError
    │   ├── ModelServerUnreachable
    │   ├── ModelServerBusy
    │   ├── ModelServerFailed      it answered with an error of its own
    │   ├── StreamInterrupted      a reply that ended without its end
    │   └── ClusterUnavailable     no Ray, or no cluster at the address
    ├── DeadlineExceeded
    ├── BudgetExceeded
    ├── CouncilInUse               by another event loop
    ├── ExpertFailed               a step without a result: it raised, said nothing, …
    │   └── ResourceExhausted      memory, or Python's stack, did not suffice
    ├── RunStoreUnavailable        the kept runs cannot be read or written
    ├── ReplayDiffers              a replay asks what the kept run did not ask
    ├── WeightsUnavailable         a model can be had from nowhere
    └── MergeError
        ├── MergeUnavailable       the packages that merge are not installed
        ├── MergeRefused           the models do not fit each other
        └── MergeFailed            it broke off; there is no half model
"""

from metier.errors.inputs import (
    EmptyQuestion,
    InvalidCard,
    InvalidInput,
    InvalidPlan,
    InvalidSettings,
    PluginBroken,
    UnknownExpert,
    UnreadableInput,
)
from metier.errors.merging import (
    InvalidRecipe,
    MergeError,
    MergeFailed,
    MergeRefused,
    MergeUnavailable,
    UnreadableWeights,
)
from metier.errors.models import (
    ClusterUnavailable,
    ContextOverflow,
    InvalidEmbedding,
    InvalidOutput,
    ModelError,
    ModelMissing,
    ModelRefused,
    ModelServerBusy,
    ModelServerError,
    ModelServerFailed,
    ModelServerUnreachable,
    StreamInterrupted,
    WeightsUnavailable,
)
from metier.errors.root import (
    MetierError,
    nearest,
)
from metier.errors.running import (
    BudgetExceeded,
    CouncilInUse,
    DeadlineExceeded,
    ExpertFailed,
    IndexUnavailable,
    Locked,
    ResourceExhausted,
)
from metier.errors.runs import (
    ReplayDiffers,
    RunStoreUnavailable,
    UnknownRun,
)

__all__ = [
    "BudgetExceeded",
    "ClusterUnavailable",
    "ContextOverflow",
    "CouncilInUse",
    "DeadlineExceeded",
    "EmptyQuestion",
    "ExpertFailed",
    "IndexUnavailable",
    "InvalidCard",
    "InvalidEmbedding",
    "InvalidInput",
    "InvalidOutput",
    "InvalidPlan",
    "InvalidRecipe",
    "InvalidSettings",
    "Locked",
    "MergeError",
    "MergeFailed",
    "MergeRefused",
    "MergeUnavailable",
    "MetierError",
    "ModelError",
    "ModelMissing",
    "ModelRefused",
    "ModelServerBusy",
    "ModelServerError",
    "ModelServerFailed",
    "ModelServerUnreachable",
    "PluginBroken",
    "ReplayDiffers",
    "ResourceExhausted",
    "RunStoreUnavailable",
    "StreamInterrupted",
    "UnknownExpert",
    "UnknownRun",
    "UnreadableInput",
    "UnreadableWeights",
    "WeightsUnavailable",
    "nearest",
]
