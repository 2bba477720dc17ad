"""The model server: TF Serving's protocol, a SavedModel evaluated with numpy, no TensorFlow."""
