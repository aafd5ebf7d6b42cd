"""The fault campaign: real processes, a real broker, a stand-in for the provider, and what is left after each death."""
