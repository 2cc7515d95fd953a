"""Error reporters as programs use them: none of them shows a key, whatever fails."""
