"""How far a model's outputs in onnxruntime are from the run's, on MNIST's test digits.

python benchmarks/onnx_difference.py runs/0001 model.onnx
"""

import sys

import numpy as np
import onnxruntime

import secant


def main(run, model):
    net = secant.Run.load(run).net
    _, (x, t) = secant.load_mnist()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"input": x})
    wanted = net.predict(x.astype(np.float64))
    answers = found.argmax(axis=1)
    same, accuracy = (answers == wanted.argmax(axis=1)).sum(), (answers == t).mean()
    print(
        f"{len(x):,} digits: largest difference {np.abs(found - wanted).max():.2e}, "
        f"the same answer for {same:,}, accuracy {accuracy:.2%}"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
