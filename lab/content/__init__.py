"""What the simulator asks of a world's content: the protocol that it implements, and the operations of call plans."""
