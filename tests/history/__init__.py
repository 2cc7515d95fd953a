"""Tests of `openrouter_credits.history`."""
