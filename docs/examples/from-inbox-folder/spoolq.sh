#!/bin/sh
# Works off a folder into which programs drop files.
#
#   spoolq.sh DIR COMMAND...    runs COMMAND with the path of each file in DIR, then removes the file
set -e
dir=$1
shift
spoolq init "$dir/.spoolq" --inbox "$dir" # Doing it again changes nothing.
exec spoolq work "$dir/.spoolq" -- "$@" {}
