"""Measures `openrouter_credits` beside what one would use instead: `python -m tests.benchmarks`."""
