"""The texts of `--help`; a test compares them with the parser's options."""

from openrouter_credits.cli._helphistory import HISTORY_HELP
from openrouter_credits.cli._helpkeys import KEYS_HELP

_THRESHOLDS = """\
  --warn USD           below it a key is LOW [default: 10]
  --critical USD       below it a key is CRITICAL [default: warn/2]
"""

_EXIT_CODES = """\
Exit codes:
  0 OK   1 LOW   2 CRITICAL, DEPLETED or INVALID   130 Ctrl-C
  3 no verdict: unreadable, no key, wrong usage
"""

_KEY_ONLY = """\
  --key-only           judge a key by its own limits; leave the wallet
                       unread
"""

_TIMES = """\
  --timeout SECONDS    for each try of a request [default: 10]
"""

_STATUS_OPTIONS = f"""\
{_KEY_ONLY}\
  --json               one JSON object; amounts are numbers
  --oneline            one short line, for status bars
{_THRESHOLDS}\
{_TIMES}\
  --deadline SECONDS   for the whole command [default: 30]
"""

_KEYS = """\
Keys come from the environment, never from the command line:
  OPENROUTER_API_KEY (or OPENROUTER_KEY)
  OPENROUTER_MANAGEMENT_KEY, to read the wallet
  or, with _FILE after the name, the path of a file with the key
"""

HELP = {
    "": f"""\
Usage: openrouter-credits [COMMAND] [OPTIONS]

What OpenRouter keys can still spend, and what stops them first.

Commands:
  status               your key (the default)
  check [FILE]         many keys at once
  watch [FILE]         look again and again, and tell what happens
  history [SUBJECT]    what a watch remembers, as a table or a chart
  keys                 all keys of an account; make and change keys
  require AMOUNT       whether your key can spend so much, for scripts
  demo                 both, against a server on this machine
  fake                 a server with made-up keys, for your own tests
  completion [SHELL]   print the script for completion in a shell
  help [COMMAND]       this text, or what a command takes
  version              the version

Options of status:
{_STATUS_OPTIONS}
Options:
  -h, --help           this text; with a command, what it takes
  -V, --version        the version
  --install-completion
                       let your shell complete commands and options

{_KEYS}
{_EXIT_CODES}""",
    "status": f"""\
Usage: openrouter-credits [status] [OPTIONS]

Show what your key can still spend, and what stops it first.

Options:
{_STATUS_OPTIONS}
{_KEYS}
{_EXIT_CODES}""",
    "check": f"""\
Usage: openrouter-credits check [FILE] [OPTIONS]
       openrouter-credits check --account [OPTIONS]

Check many keys at once. A wallet that several keys share counts once.

  FILE                 the keys: one KEY or NAME=KEY a line, a comma or
                       JSON list, a .env file, or TOML (see below);
                       - reads the same from standard input;
                       without FILE, the list is OPENROUTER_API_KEYS,
                       and OPENROUTER_MANAGEMENT_KEY reads its wallet
  --account            all keys of an account: OPENROUTER_MANAGEMENT_KEY
                       lists them, so that no other key is needed

Options:
  --all                of such an account, also the keys that are
                       disabled or expired
{_KEY_ONLY}\
  --json               one JSON object; amounts are numbers
  --jsonl              one line of JSON for each key, as it is read
{_THRESHOLDS}\
{_TIMES}\
  --deadline SECONDS   for all keys together
  --concurrency N      keys under way at once [default: 32]
  --rate N             requests a second at most

A key file in TOML:
  [keys]                              # no account declared
  alice = "sk-or-v1-..."
  bob = {{ env = "BOB_KEY" }}
  carol = {{ file = "/run/secrets/carol" }}
  dave = {{ command = ["op", "read", "op://..."] }}

  [accounts.acme]
  management_key = {{ env = "ACME_MANAGEMENT_KEY" }}
  [accounts.acme.keys]
  prod-bot = "sk-or-v1-..."

  [accounts.globex]                   # no keys: all of the account
  management_key = "sk-or-v1-..."

The exit code is that of the key in the worst state.

{_EXIT_CODES}""",
    "watch": f"""\
Usage: openrouter-credits watch [FILE] [OPTIONS]
       openrouter-credits watch --account [OPTIONS]

Look at keys again and again, and tell what happens: once when a wallet,
a key or a budget runs low, once when it has recovered, and when it can
no longer be read. On a terminal it is a live table, whose times are in
UTC; in a pipe each event is a line of JSON. Ctrl-C ends it.

  FILE                 the keys, as for check; - reads them from
                       standard input; without FILE, those of
                       OPENROUTER_API_KEYS, or OPENROUTER_API_KEY
  --account            all keys of an account: OPENROUTER_MANAGEMENT_KEY
                       lists them, so that no other key is needed

Options:
  --all                of such an account, also the keys that are
                       disabled or expired
  --once               look once, tell what is new, and exit with the
                       code of the worst level, for cron
  --history FILE       remember amounts and what was told in FILE (made
                       if it is not there), so that nothing is told
                       twice, neither by the next run nor by another
  --every SECONDS      between two looks [default: 300]
  --oneline            each event as one sentence
{_THRESHOLDS}\
{_TIMES}
What is not watched, and warnings, go to standard error.

Exit codes with --once:
  0 OK   1 LOW   2 CRITICAL, DEPLETED or INVALID   130 Ctrl-C
  3 no verdict: unreadable, no key, wrong usage
""",
    **HISTORY_HELP,
    "keys": f"""\
Usage: openrouter-credits keys [list] [OPTIONS]
       openrouter-credits keys create NAME [OPTIONS]
       openrouter-credits keys disable|enable|delete NAME [OPTIONS]
       openrouter-credits keys limit NAME AMOUNT [OPTIONS]

List all keys of an account, those in the worst state first; or make or
change one. Add --help for what such a command takes.

Left is the least of the wallet, the key's limit and the budgets of its
workspace; Used is the used part of the limit. Days are those of UTC.
- is not known (for Last used also never), none is no limit.

Options:
  --all                also keys that have expired
  --json               one JSON object; amounts are numbers
{_THRESHOLDS}\
{_TIMES}
It needs a management key, never from the command line:
  OPENROUTER_MANAGEMENT_KEY
  or OPENROUTER_MANAGEMENT_KEY_FILE, the path of a file with the key

Exit codes:
  0 the whole list was read, whatever the levels   130 Ctrl-C
  3 it was not: no key, or a fault
""",
    **KEYS_HELP,
    "require": f"""\
Usage: openrouter-credits require AMOUNT [OPTIONS]

Tell whether your key can spend an amount in US dollars, before a job
starts. What cannot be read is no pass:
  openrouter-credits require 5 && ./nightly-job

  AMOUNT               above 0, such as 5, 0.25 or 1,000; a shell
                       changes $5, unless it is in single quotes: '$5'

Options:
{_KEY_ONLY}\
  --json               one JSON object: needed, enough (true, false or
                       null), spendable, error
{_TIMES}\
  --deadline SECONDS   for the whole command [default: 30]

{_KEYS}
Exit codes:
  0 enough   2 not enough   130 Ctrl-C
  3 no verdict: unreadable, no key, wrong usage
""",
    "demo": """\
Usage: openrouter-credits demo

Show status and check against a server on this machine that behaves
like OpenRouter: real HTTP, made-up keys. Nothing else is contacted.
""",
    "fake": """\
Usage: openrouter-credits fake [OPTIONS]

Run a server on this machine that behaves like OpenRouter's account
API, for tests in any language. It prints its address and its made-up
keys as lines for a .env file, and serves until Ctrl-C or SIGTERM.

Options:
  --port N             the port, up to 65535; without it a free one
  --latency SECONDS    wait before each answer
""",
    "completion": """\
Usage: openrouter-credits completion [SHELL]
       openrouter-credits --install-completion [--shell SHELL]
                                               [--output FILE]

Let a shell complete the commands and options of openrouter-credits:
bash, zsh, fish or powershell; without SHELL, the one in use.

completion prints the script. For the present session of bash:
  eval "$(openrouter-credits completion bash)"

--install-completion writes the script where the shell looks for such,
or to FILE, and adds a line to ~/.bashrc, ~/.zshrc or the profile of
PowerShell, if one is needed. Start a new shell afterwards.
""",
}
