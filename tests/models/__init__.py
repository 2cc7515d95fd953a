"""Tests of `openrouter_credits._models`."""
