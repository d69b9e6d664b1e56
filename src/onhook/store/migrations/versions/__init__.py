"""One module a migration, named for its revision."""
