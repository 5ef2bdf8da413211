"""From expressions to programs: what reads a formula or a recorded graph and writes it down as code."""
