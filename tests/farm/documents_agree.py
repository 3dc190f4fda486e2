"""How far the documents of two devices are apart, feature by feature. Standard library alone: it runs on bare hosts."""

# Everything that is no number, and every decision (tempo, key, counts), is equal.
LIMIT = 1e-4
# A GPU that resamples (ANALYZER_GPU_RESAMPLE) does it by libsoxr's filter with a rounding of its own. Where a file has nothing
# above 10 kHz, or is silent, the rounding is all there is: in the valley of the contrast's highest band, of the lower bands of
# a dull file, and in the flatness of a silent frame.
RESAMPLED = {
    "/features/spectral/spectral_contrast/highest": 0.1,
    "/features/statistics/spectral_contrast/min/highest": 0.1,
    "/features/statistics/spectral_contrast/max/highest": 0.1,
    "/features/statistics/spectral_contrast/std/highest": 0.1,
    "/features/statistics/spectral_contrast/median/highest": 0.1,
    "/features/statistics/spectral_contrast/max": 2e-3,
    "/features/statistics/spectral_contrast/std": 2e-3,
    "/features/statistics/spectral_contrast/median": 2e-3,
    "/features/statistics/spectral_flatness/min": 1e-3,
    "/features/statistics/spectral_flatness/median": 1e-3,
}
OWN = ("message_id", "media_id", "file_path", "processing_time", "timestamp", "device")


def differences(cpu, gpu, path="", scale=0.0):
    """(feature, difference, processor's value, GPU's value) of all that is not the same; difference None: no measure."""
    if not path:
        cpu, gpu = ({k: v for k, v in document.items() if k not in OWN} for document in (cpu, gpu))
    if isinstance(cpu, dict) and isinstance(gpu, dict) and cpu.keys() == gpu.keys():
        return [d for key in cpu for d in differences(cpu[key], gpu[key], f"{path}/{key}")]
    if isinstance(cpu, list) and isinstance(gpu, list) and len(cpu) == len(gpu):
        scale = max((abs(x) for x in cpu if isinstance(x, (int, float))), default=0)
        names = [path] * len(cpu)
        if "spectral_contrast" in path:
            names[-1] += "/highest"
        return [d for name, a, b in zip(names, cpu, gpu) for d in differences(a, b, name, scale)]
    if cpu == gpu:
        return []
    if isinstance(cpu, float) and isinstance(gpu, (int, float)):
        return [(path, abs(cpu - gpu) / max(abs(cpu), scale, 1e-30), cpu, gpu)]
    return [(path, None, cpu, gpu)]


def beyond(cpu, gpu):
    """Those that are too large."""
    return [d for d in differences(cpu, gpu) if d[1] is None or d[1] > LIMIT]
