"""Tests of `openrouter_credits.testing`, one file for each of its modules."""
