"""The recording: what a run leaves behind, and everything after it is computed from."""
