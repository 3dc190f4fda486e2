"""The original of ONNX models: onnxruntime, one thread."""

from errors import Missing
from readers import onnx_file


def run(path, inputs, outputs, free=None):
    """inputs by the file's names; outputs: {name in the file: name}. free: an input whose declared shape is a
    placeholder; its dimensions and those of all outputs are made free."""
    try:
        import onnxruntime
    except ImportError:
        raise Missing("the Python package onnxruntime") from None
    model = onnx_file.load(path)
    if free:
        for row in list(model.graph.input) + list(model.graph.output):
            if row.name == free or row.name in outputs:
                for i, dim in enumerate(row.type.tensor_type.shape.dim):
                    dim.dim_param = f"{row.name}_{i}"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return dict(zip(outputs.values(), session.run(list(outputs), inputs)))
