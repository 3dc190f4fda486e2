#!/bin/sh
# nvcc_report.sh REPORT NVCC ARGUMENTS... -- runs the compiler, keeps what it says (registers, spills) in REPORT, and shows
# it where it fails.
report=$1
shift
"$@" >"$report" 2>&1 || {
    status=$?
    cat "$report" >&2
    exit $status
}
