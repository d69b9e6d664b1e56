"""Drawings of calls: SVG whose looks are classes of the sheet, since the policy of pages forbids others."""
