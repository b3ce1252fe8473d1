#!/bin/sh
# What must hold in this repository, piece by piece.
#
#   sh scripts/check.sh tree                        of everything: run on the result of each task
#   sh scripts/check.sh page PATH HEADING           a page with that heading, and something beneath it
#   sh scripts/check.sh section PATH SECTION WORDS  a section of a page that says these words
#   sh scripts/check.sh listed FOLDER INDEX         every page of a folder is linked from its index
#   sh scripts/check.sh count                       prints what there is
set -eu
cd "$(dirname "$0")/.."

fail() {
    echo "check: $*" >&2
    exit 1
}

page() {
    [ -f "$1" ] || fail "$1 is missing"
    read -r first < "$1" || fail "$1 is empty"
    [ "$first" = "# $2" ] || fail "$1 begins with '$first', not with '# $2'"
    [ "$(grep -c . "$1")" -ge 2 ] || fail "$1 says nothing beneath its heading"
}

section() {
    [ -f "$1" ] || fail "$1 is missing"
    awk -v title="## $2" -v words="$3" '
        $0 == title { inside = 1; next }
        /^## / { inside = 0 }
        inside && index($0, words) { found = 1 }
        END { exit !found }
    ' "$1" || fail "$1 has no section '$2' that says '$3'"
}

listed() {
    [ -f "$2" ] || fail "$2 is missing"
    for file in "$1"/*.md; do
        [ "$file" = "$2" ] || grep -qF "](${file##*/})" "$2" || fail "$2 does not list $file"
    done
}

tree() {
    empty=$(find . -name .git -prune -o -type f -size 0 -print)
    [ -z "$empty" ] || fail "empty: $empty"
    if grep -rnE --exclude-dir=.git '^(<<<<<<<|>>>>>>>) ' .; then fail "marks of a merge were left behind"; fi
    bad=$(find docs -name '*.md' -exec awk 'FNR == 1 && !/^# ./ { print FILENAME }' {} +)
    [ -z "$bad" ] || fail "no heading on the first line: $bad"
    find docs -name '*.md' -exec awk '{
        while (match($0, /\]\([^)#:]+\.md\)/)) {
            folder = FILENAME
            sub(/[^\/]*$/, "", folder)
            print folder substr($0, RSTART + 2, RLENGTH - 3)
            $0 = substr($0, RSTART + RLENGTH)
        }
    }' {} + | while read -r target; do [ -f "$target" ] || fail "a link leads nowhere: $target"; done
    for file in scripts/*.sh tests/*.sh; do
        [ ! -e "$file" ] || sh -n "$file" || fail "$file is no shell script"
    done
    for file in config/*.conf web/messages/*.txt; do
        [ ! -e "$file" ] || awk -F= -v file="$file" '
            NF < 2 || $1 == "" { print file ":" FNR ": no setting"; bad = 1 }
            seen[$1]++ { print file ":" FNR ": set twice: " $1; bad = 1 }
            END { exit bad }
        ' "$file" >&2 || fail "$file is not in order"
    done
    twice=$(for file in migrations/*.sql; do echo "${file#migrations/}"; done | cut -c1-4 | sort | uniq -d)
    [ -z "$twice" ] || fail "several migrations are number $twice"
    echo "tree: ok"
}

count() {
    files() { find "$1" -type f | wc -l | tr -d ' '; }
    echo "# Inventory"
    echo
    echo "- migrations: $(files migrations)"
    echo "- pages: $(files docs)"
    echo "- routes: $(grep -c . api/routes.txt)"
    echo "- settings: $(grep -c . config/folio.conf)"
    echo "- tests: $(files tests)"
}

what=${1:?what is to be checked?}
shift
"$what" "$@"
