"""A testbed for the chaos lab that needs nothing but this machine: each component of a system is a process."""
