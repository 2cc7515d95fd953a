"""Tests of `openrouter_credits.watch`."""
