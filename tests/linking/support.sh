# What the scripts of this folder share. CMakeLists.txt says what is in the environment.
# shellcheck shell=bash disable=SC2034
set -euo pipefail

fail() {
  echo "$*" >&2
  exit 1
}

# need COMMAND...: where one is missing the test cannot run.
need() {
  local command
  for command in "$@"; do
    if ! command -v "$command" >/dev/null; then
      echo "there is no $command"
      exit 77
    fi
  done
}

# quietly COMMAND...: shows what it printed only if it fails.
quietly() {
  local printed
  printed=$("$@" 2>&1 </dev/null) || fail "$printed"$'\n'"failed: $*"
}

# within_seconds N COMMAND...: until it succeeds, but not for ever.
within_seconds() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || fail "waited in vain for: $*"
    sleep 0.05
  done
}

# How downstream projects are compiled.
flags=(-O0 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)

# A folder of our own. At the end it goes, and so do the processes in `running`.
scratch=$(mktemp -d "${TMPDIR:-/tmp}/spoolq-linking.XXXXXX")
running=()
clean_up() {
  local pid
  for pid in "${running[@]}"; do kill -9 "$pid" 2>/dev/null || true; done
  { wait; } 2>/dev/null
  rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
