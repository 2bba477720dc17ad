"""People who look for the cause of an incident: exercises, sessions, answers, debriefs. It knows no HTTP."""
