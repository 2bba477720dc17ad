"""The fault proxy: one listener per link of the topology, with faults that revert by themselves."""
