"""Tests of `openrouter_credits._call`."""
