"""Many keys at once: each has an outcome, whatever becomes of the others."""
