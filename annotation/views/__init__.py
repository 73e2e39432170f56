"""Pages of the people's side. Each view parses, calls one verb, and renders."""
