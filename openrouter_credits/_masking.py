"""The one pattern of a key, and how it is masked in texts."""

from __future__ import annotations

import re

# A long run without a hyphen behind `sk-or-` is a key anywhere. Any other key must begin a word, so
# `task-runner-production-eu-west-1` and `ask-or-tell-service-production` are none; a colour code of a
# terminal, an escaped character and a percent-encoded one may end in a letter, but are no part of a word.
# `sk-` before plain words is a name (`sk-bratislava-production-worker-01`): random text is not made of them.
_A_WORD = r"(?:[A-Z]?[^\W\d_A-Z]{2,15}\d{0,3}|\d{1,4}[a-z]?|[a-z])"
_A_NAME = rf"(?:{_A_WORD}[_-]){{1,9}}{_A_WORD}(?![\w-])"
_NO_WORD_BEFORE = (
    r"(?:(?<![^\W\d_])|[\[\x9b][\d;:]*m|\\(?:[nrt]|x[\da-fA-F]{2}|u[\da-fA-F]{4})|%[\da-fA-F]{2})"
)
_LOOKS_LIKE_A_KEY = re.compile(
    rf"(sk-or-(?=(?:v\d+-)?[^\W_]{{20}})|{_NO_WORD_BEFORE}(?:sk-or-|sk-(?!{_A_NAME})))[\w-]{{20,}}"
)


def scrub(text: str) -> str:
    """Mask each part that looks like a key: `sk-or-***`."""
    return _LOOKS_LIKE_A_KEY.sub(r"\1***", text) if "sk-" in text else text
