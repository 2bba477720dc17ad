"""Run by a Python with TensorFlow: `in_tensorflow.py BASE INPUTS.npz OUT` loads every version below BASE and scores.

OUT.npz holds the scores by `LOADER/VERSION/BATCH`, OUT.json what the signatures say. Loaders: `python` is
tf.saved_model.load, `session` the graph in a session by tensor names, which is how TensorFlow Serving runs it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

KEY = "serving_default"


def signature_of(spec: Any) -> list[Any]:
    """A tensor's shape and type."""
    return [spec.shape.as_list(), spec.dtype.name]


def main(base: Path, inputs: Path, out: Path) -> None:
    """Loads, scores, writes."""
    batches = dict(np.load(inputs))
    scores: dict[str, Any] = {}
    signatures: dict[str, Any] = {}
    for folder in sorted(base.iterdir()):
        loaded = tf.saved_model.load(str(folder))
        run = loaded.signatures[KEY]
        signatures[folder.name] = {
            "keys": sorted(loaded.signatures),
            "inputs": {name: signature_of(spec) for name, spec in run.structured_input_signature[1].items()},
            "outputs": {name: signature_of(spec) for name, spec in run.structured_outputs.items()},
        }
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            meta_graph = tf.compat.v1.saved_model.loader.load(session, ["serve"], str(folder))
            signature = meta_graph.signature_def[KEY]
            fed, fetched = signature.inputs["inputs"].name, signature.outputs["scores"].name
            for name, batch in batches.items():
                scores[f"session/{folder.name}/{name}"] = session.run(fetched, {fed: batch})
        for name, batch in batches.items():
            scores[f"python/{folder.name}/{name}"] = run(inputs=tf.constant(batch))["scores"].numpy()
    np.savez(out.with_suffix(".npz"), **scores)
    out.with_suffix(".json").write_text(json.dumps({"tensorflow": tf.__version__, "versions": signatures}))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
