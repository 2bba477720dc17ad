"""What the lab and its containers agree on: one definition each, imported by both sides.

Light: nothing here imports pandas or pyarrow, which the containers do not have.
"""
