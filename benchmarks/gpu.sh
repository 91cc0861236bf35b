#!/bin/sh
# Everything that needs an NVIDIA GPU, in at most nine minutes: tests, then benchmarks, the most important first.
#
#     sh benchmarks/gpu.sh [FOLDER]
#
# Each part has a time limit and files of its own in FOLDER (gpu-results): NAME.log, NAME.json, and summary.txt with the
# exit code and seconds of each. A part that fails or is cut off loses no other's results.
# PICTURES=100000 makes the training set of the feed benchmarks smaller than ImageNet's.
set -u
out=${1:-gpu-results}
mkdir -p "$out"
begun=$(date +%s)
python=${PYTHON:-python}
pictures=${PICTURES:-1281167}

part() { # name, seconds at most, command
    name=$1 limit=$2
    shift 2
    now=$(date +%s)
    left=$((540 - now + begun))
    if [ "$left" -le 5 ]; then
        echo "$name: no time left" | tee -a "$out/summary.txt"
        return
    fi
    [ "$limit" -gt "$left" ] && limit=$left
    timeout "$limit" "$@" >"$out/$name.log" 2>&1
    code=$?
    echo "$name: exit $code, $(($(date +%s) - now)) s" | tee -a "$out/summary.txt"
}

measure() { # name, seconds at most, benchmark, further options
    name=$1 limit=$2 entry=$3
    shift 3
    part "$name" "$limit" "$python" -m alexnet bench "$entry" --rounds 3 --seconds-per-round 2 --device cuda \
        --save "$out/$name.json" "$@"
}

: >"$out/summary.txt"
part tests 120 "$python" -m pytest -q -m "gpu or not slow" -k "not cifar10" \
    tests/gpu/test_gpu_graph.py tests/gpu/test_gpu_training.py tests/gpu/test_gpu_together.py tests/gpu/test_gpu_runs.py
measure train-1024 45 train/alexnet/bf16/1024 --peers none
measure train-128 40 train/alexnet/bf16/128 --peers none
measure feed-1024-resident 60 feed/alexnet/bf16/1024/resident --pictures "$pictures"
measure feed-1024-streamed 45 feed/alexnet/bf16/1024/streamed --pictures "$pictures"
measure feed-1024-small 35 feed/alexnet/bf16/1024/resident --pictures 20000
measure feed-128-resident 45 feed/alexnet/bf16/128/resident --pictures "$pictures"
part layers 60 "$python" benchmarks/gpu_layers.py --save "$out/layers.json"
measure owt-1024 40 train/alexnet_owt/bf16/1024 --peers none
measure owt-128 40 train/alexnet_owt/bf16/128 --peers none
measure peers-1024 90 train/alexnet/bf16/1024 --peers torch_tuned
part cifar10 90 "$python" -m pytest -q -s -m gpu -k cifar10 tests/gpu/test_gpu_runs.py
part tests-all 240 "$python" -m pytest -q -m "gpu or not slow" tests/gpu
