"""Tests of `openrouter_credits._batch`."""
