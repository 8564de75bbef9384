"""The simulated outside, tried over real HTTP."""
