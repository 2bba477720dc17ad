"""What can be asked of a recording as it was at a time. Every answer is plain JSON and comes from a cut."""
