"""Measures `openrouter_credits` side by side with what one would use instead: `python -m tests.benchmarks`."""
