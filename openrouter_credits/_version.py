"""The version, in the one place that the build, the User-Agent and `__version__` read."""

__version__ = "0.1.0"
