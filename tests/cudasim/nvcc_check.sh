#!/bin/sh
# nvcc_check.sh NVCC ROOT -- the simulator's test kernels are CUDA that nvcc takes, without a warning.
set -e
out=$(mktemp)
trap 'rm -f "$out"' EXIT
for file in "$2"/tests/cudasim/tests/*.cu "$2"/tests/cudasim/tests/plugin/*.cu; do
    "$1" -std=c++17 -O1 -arch=sm_90 --Werror all-warnings -Xcompiler=-Wall,-Wextra -I"$2" -c "$file" -o "$out"
done
