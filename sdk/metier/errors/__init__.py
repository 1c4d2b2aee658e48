"""Every error that metier raises.

::

    MetierError
    ├── InvalidInput               the request cannot be processed
    │   ├── EmptyQuestion
    │   ├── UnreadableInput        binary or undecodable text
    │   ├── InvalidPlan            a cycle, a missing step, an unknown expert
    │   ├── InvalidRecipe          a merge that is described wrongly
    │   ├── UnknownRun             no stored run has this id
    │   └── UnreadableWeights      not a complete GGUF file
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
    │   └── InvalidOutput          a model's output does not have the requested format
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
    ├── RunStoreUnavailable        the stored runs cannot be read or written
    ├── ReplayDiffers              a replay makes a request that the stored run did not make
    ├── WeightsUnavailable         a model cannot be downloaded from any source
    └── MergeError
        ├── MergeUnavailable       the packages that merge are not installed
        ├── MergeRefused           the models do not fit each other
        └── MergeFailed            no partial model is left
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
