"""Values that OpenRouter's API answers with: frozen, under the API's own names; read elsewhere.

All amounts are US dollars (1 credit = 1 USD) as exact `Decimal`. A value that the server did not give is
`None`, never 0. All times are aware datetimes in UTC. `extra` holds fields that this version does not know;
it takes no part in `==` and `repr`.
"""

import attrs

from openrouter_credits._models.activity import ActivityItem
from openrouter_credits._models.credits import Credits
from openrouter_credits._models.generation import Generation
from openrouter_credits._models.key import Budget, FreeModelQuota, KeyInfo
from openrouter_credits._models.managed_key import ManagedKey
from openrouter_credits._models.workspace import Workspace, WorkspaceBudget

__all__ = [
    "ActivityItem",
    "Budget",
    "Credits",
    "FreeModelQuota",
    "Generation",
    "KeyInfo",
    "ManagedKey",
    "Workspace",
    "WorkspaceBudget",
    "is_model",
]


def is_model(wanted: object) -> bool:
    """Tell whether a type is one of these values, and not a class of a caller."""
    is_ours = globals().get(getattr(wanted, "__name__", "")) is wanted
    return is_ours and isinstance(wanted, type) and attrs.has(wanted) and "extra" in attrs.fields_dict(wanted)
