"""How ONNX networks are run here."""

from __future__ import annotations

import onnxruntime


def one_thread() -> onnxruntime.SessionOptions:
    """Options of a session: one thread, so that every machine sums alike and pooled processes do not crowd."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return options
