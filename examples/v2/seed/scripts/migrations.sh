# Prints the migrations in the order they are applied; fails where two have one number.
set -eu
cd "$(dirname "$0")/../migrations"
twice=$(ls | cut -c1-4 | sort | uniq -d)
[ -z "$twice" ] || { echo "two migrations have the number $twice" >&2; exit 1; }
ls
