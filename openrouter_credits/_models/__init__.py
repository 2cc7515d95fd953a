"""Values that OpenRouter's API answers with."""
