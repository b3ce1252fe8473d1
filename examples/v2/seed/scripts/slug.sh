# Makes an identifier of a title: sh scripts/slug.sh 'Team Plan 2' prints team-plan-2
set -eu
printf '%s\n' "$1" | tr 'A-Z' 'a-z' | tr -cs 'a-z0-9\n' '-' | sed 's/^-*//; s/-*$//'
