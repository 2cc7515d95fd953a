"""Tests of the command line; a package, so that its modules may be called like those beside it."""
