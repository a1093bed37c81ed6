"""Whether a TFLite file computes in integers: TensorFlow's converter leaves in float what it has no integers for, and does not tell."""

from __future__ import annotations

from facelite.errors import ExportError
from facelite.runtime.model import Model, Operator, read_model


def check_integer_inside(data: bytes, /) -> None:
    """Refuse a TFLite file that computes in float between what makes its input integers and what makes its output float.

    Raises ExportError with the first such operator, BundleError for what is no TFLite file.
    """
    model = read_model(data, foreign=True)
    for operator in _inside(model):
        if operator.name not in ENDS and any(model.tensors[place].dtype.kind == "f" for place in (*operator.inputs, operator.output)):
            where = model.tensors[operator.output].name.partition(";")[0]
            raise ExportError(
                f"expected int8 to be integer inside, got the operator {operator.name} ({where}) in float, since the converter has no integers "
                "for it; choose float16 or dynamic, or, for L2 pooling, int8-qat, which has that in float on purpose"
            )


ENDS = ("QUANTIZE", "DEQUANTIZE")


def _inside(model: Model) -> tuple[Operator, ...]:
    """The operators from the first QUANTIZE to the last DEQUANTIZE of no constant, or from an input and to an output that are integers already."""
    made = [operator.name if operator.inputs and model.tensors[operator.inputs[0]].data is None else "" for operator in model.operators]
    first, last = 0, len(made)
    if model.tensors[model.inputs[0]].dtype.kind == "f" and "QUANTIZE" in made:
        first = made.index("QUANTIZE")
    if model.tensors[model.outputs[0]].dtype.kind == "f" and "DEQUANTIZE" in made:
        last -= made[::-1].index("DEQUANTIZE")
    return model.operators[first:last]
