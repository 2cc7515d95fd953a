"""The history of wallets, keys and budgets in one SQLite file, without a server."""

from openrouter_credits.history._decisions import Decision, Recorded
from openrouter_credits.history._errors import HistoryError
from openrouter_credits.history._history import History
from openrouter_credits.history._readings import read_subjects
from openrouter_credits.history._series import Point
from openrouter_credits.history._subjects import OPENROUTER, Reading, Readings, Subject
from openrouter_credits.history.burn import Burn

__all__ = [
    "OPENROUTER",
    "Burn",
    "Decision",
    "History",
    "HistoryError",
    "Point",
    "Reading",
    "Readings",
    "Recorded",
    "Subject",
    "read_subjects",
]
