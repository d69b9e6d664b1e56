"""What a trunk may be told to do, and what that makes of a call. Begin at `onhook.phone.trunk`."""
