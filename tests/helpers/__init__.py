"""What several test files need: how numbers are compared, what a refusal must be, peers that are imported late, processes."""
