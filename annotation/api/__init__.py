"""The people's side over HTTP. Each view parses, calls one verb, and renders."""
