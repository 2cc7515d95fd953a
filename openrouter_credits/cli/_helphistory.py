"""The text of `--help` of the command `history`."""

HISTORY_HELP = {
    "history": """\
Usage: openrouter-credits history [SUBJECT] --history FILE [OPTIONS]

Show what a watch remembers: how much was left, how fast it is spent and
how long it lasts. A gap in a chart is a time in which nothing was read.

  SUBJECT              one of the subjects that the table of all shows,
                       such as wallet:acme, for a chart of it

Options:
  --history FILE       the file that watch --history FILE writes; it is
                       only read
  --days N             how far back [default: 7]
  --json               all readings of that time as one JSON object;
                       amounts are exact numbers
  --csv                the same as CSV; what is not known is empty

Readings are kept for 30 days, then the last one of each hour.

Exit codes:
  0 the history was read   130 Ctrl-C
  3 it was not: no such file or subject, or a fault
""",
}
