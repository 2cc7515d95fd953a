"""Other people's OpenRouter clients against `FakeOpenRouter`."""
