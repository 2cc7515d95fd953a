#!/bin/sh
# Run a command with a server that stands in for OpenRouter: sh with_fake.sh npm test
set -eu

lines=$(mktemp)
openrouter-credits fake > "$lines" &
server=$!
trap 'kill "$server" 2> /dev/null || :; rm "$lines"' EXIT
trap 'exit 130' HUP INT TERM # some shells run the line above only when they exit

until [ -s "$lines" ]; do        # the file is empty until the server runs
  kill -0 "$server" 2> /dev/null # and there is none if it cannot run
  sleep 0.1
done

set -a # from here on, variables are those of the command, too
. "$lines"
"$@"
