"""Every page, block and example program of the documentation."""
