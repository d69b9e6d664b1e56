"""Recordings of calls: from samples in a spool file to an mp3 behind a link that expires."""
