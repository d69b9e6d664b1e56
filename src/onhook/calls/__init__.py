"""Who owns a call that is going on: events to the state machine, effects to phone, media and store."""
