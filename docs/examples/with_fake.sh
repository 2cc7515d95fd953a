#!/bin/sh
# Run a command with a server that stands in for OpenRouter: sh with_fake.sh npm test
set -eu

openrouter-credits fake > fake.env &
server=$!
trap 'kill "$server"; rm fake.env' EXIT

until [ -s fake.env ]; do # the file is empty until the server runs
  kill -0 "$server"       # and there is none if it cannot run
  sleep 0.1
done

set -a # from here on, variables are those of the command, too
. ./fake.env
"$@"
