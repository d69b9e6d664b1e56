"""The story of a call, made of what the store and its trace have of it: what the command line and the console
show. Pure, but for reading the trace's file."""
