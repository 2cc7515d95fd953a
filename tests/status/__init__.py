"""Tests of `openrouter_credits._status`."""
