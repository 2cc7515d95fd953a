"""The texts of `--help` of the commands below `keys`."""

_NAME = """\
  NAME                 the key's name, its hash (keys --json shows it),
                       or the beginning of its hash (at least 6
                       characters); a name that begins with - goes last,
                       after --
"""

_WRITE_OPTIONS = """\
  --yes                do it without a question
  --timeout SECONDS    for each try of a request [default: 10]
"""

_WRITE_END = """\
It shows what it would do, and asks. Without a terminal, and without
--yes, nothing is sent. A change is sent once: if the answer is lost,
the command says so, and you look with openrouter-credits keys --all.

Exit codes:
  0 done, or nothing to do   130 Ctrl-C
  3 not done, or not known
"""


def _simple(command: str, text: str) -> str:
    return f"""\
Usage: openrouter-credits keys {command} NAME [OPTIONS]

{text}

{_NAME}
Options:
{_WRITE_OPTIONS}
{_WRITE_END}"""


KEYS_HELP = {
    "keys create": f"""\
Usage: openrouter-credits keys create NAME [OPTIONS]

Make a key. Its secret is shown once, if standard output is a terminal,
or written to a new file: never both.

  NAME                 the new key's name

Options:
  --limit USD          the most that the key can spend, in each interval
  --reset INTERVAL     daily, weekly or monthly, for --limit; without
                       it, the limit is never reset
  --expires DATE       a day (its beginning in UTC), or a moment such as
                       2026-12-31T18:00Z
  --workspace NAME     the name or id of its workspace; without it, the
                       default one
  --write-to FILE      write the secret to a file that does not exist
                       yet, and that only you can read (mode 0600)
{_WRITE_OPTIONS}
{_WRITE_END}""",
    "keys disable": _simple(
        "disable", "Switch a key off: requests with it are refused, until it is enabled."
    ),
    "keys enable": _simple("enable", "Switch a key on again."),
    "keys limit": f"""\
Usage: openrouter-credits keys limit NAME AMOUNT [OPTIONS]

Set the limit of a key, or remove it.

{_NAME}\
  AMOUNT               US dollars, or none for no limit

Options:
  --reset INTERVAL     daily, weekly, monthly or never; without it, the
                       interval stays as it is
{_WRITE_OPTIONS}
{_WRITE_END}""",
    "keys delete": _simple("delete", "Delete a key for ever; requests with it are refused from then on."),
}
