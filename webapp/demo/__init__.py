"""The demonstration that ``make demo`` sets up: one project, five people, first completions."""
