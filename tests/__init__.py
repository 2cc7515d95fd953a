"""Tests, by the module they are about; `kit` is what they share."""
