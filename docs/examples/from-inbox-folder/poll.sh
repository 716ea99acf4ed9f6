#!/bin/sh
# The usual way to work off a folder into which programs drop files. It loses some of them and does
# others twice: docs/from-inbox-folder.md.
#
#   poll.sh DIR COMMAND...    runs COMMAND with the path of each file in DIR, then removes the file
dir=$1
shift
while true; do
  for file in "$dir"/*; do
    [ -f "$file" ] || continue
    "$@" "$file" && rm "$file"
  done
  sleep 1
done
