#!/bin/sh
# with_resources.sh BUILD ARCHITECTURE COMMAND... -- runs the command on a simulated device that knows the registers and the
# static shared memory of each kernel, as nvcc has said for this architecture.
set -eu
export KITHARA_SIM_RESOURCES="$1/tests/kernels/resources.$2"
/usr/bin/python3 "$(dirname "$0")/../../ops/checks/spills.py" "$1" --resources "$2" >"$KITHARA_SIM_RESOURCES"
shift 2
exec "$@"
