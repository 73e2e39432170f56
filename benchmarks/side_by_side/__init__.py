"""Two programs that do the same work in turns, each in a process and an environment of its own."""
