#!/usr/bin/env bash
# Runs the acceptance tests: outside clients and real processes over real HTTP.
#
#   acceptance/run.sh [PYTEST ARGUMENTS]
#
# The programs are taken from $SYNOD_BIN, else target/release or target/debug, whichever is
# newer. Everything runs on loopback, in temporary folders.
set -uo pipefail
cd "$(dirname "$0")"

venv=${SYNOD_VENV:-.venv}
if ! "$venv/bin/python" -c 'import bdkpython, pytest' 2>/dev/null; then
    python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --requirement requirements.txt || exit 1
fi

report=$(mktemp)
trap 'rm -f "$report"' EXIT
"$venv/bin/python" -m pytest -p no:cacheprovider --junit-xml "$report" "${@:-tests}"
status=$?
"$venv/bin/python" - "$report" <<'PYTHON'
import sys
import xml.etree.ElementTree as tree

suite = tree.parse(sys.argv[1]).getroot().find("testsuite")
total, skipped = int(suite.get("tests")), int(suite.get("skipped"))
failed = int(suite.get("failures")) + int(suite.get("errors"))
print(f"{total - failed - skipped} passed, {failed} failed")
PYTHON
exit $status
