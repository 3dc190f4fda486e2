"""The curves of a run as a picture: one panel per measure, training and validation, with the best epoch marked."""

import numpy as np


def _pairs(history):
    """Names of the measures that have a validation, losses first."""
    names = [name for name in history if f"val_{name}" in history]
    return sorted(names, key=lambda name: (not name.endswith("loss"), name != "loss"))


def draw(history, path, title):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = _pairs(history)
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    figure, panels = pyplot.subplots(rows, columns, figsize=(4.6 * columns, 3.4 * rows), squeeze=False)
    epochs = np.arange(1, len(history["loss"]) + 1)
    best = int(np.argmin(history["val_loss"])) + 1
    for panel in panels.flat[len(names):]:
        panel.axis("off")
    for panel, name in zip(panels.flat, names):
        panel.plot(epochs, history[name], label="training")
        panel.plot(epochs, history[f"val_{name}"], label="validation")
        panel.axvline(best, color="grey", linewidth=0.8, linestyle=":", label=f"kept: epoch {best}")
        panel.set_title(name.replace("_", " "), fontsize=10)
        panel.set_xlabel("epoch")
        panel.grid(alpha=0.25)
        panel.xaxis.get_major_locator().set_params(integer=True)
        if name.endswith("loss"):
            panel.set_yscale("log")
            for formatter in (panel.yaxis.set_major_formatter, panel.yaxis.set_minor_formatter):
                formatter("{x:g}")
            panel.tick_params(axis="y", which="both", labelsize=7)
        elif max(history[name] + history[f"val_{name}"]) <= 1:
            panel.set_ylim(0, 1.02)
    panels.flat[0].legend(fontsize=8)
    figure.suptitle(title, fontsize=11)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
