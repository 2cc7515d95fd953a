"""Watches wallets, keys and budgets: one event for one cause, and never silent when blind."""

from openrouter_credits.history import Subject
from openrouter_credits.watch._alarm import Alarm
from openrouter_credits.watch._event import Event
from openrouter_credits.watch._watch import Watch

__all__ = ["Alarm", "Event", "Subject", "Watch"]
