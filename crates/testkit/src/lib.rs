//! Manual clock, seeded randomness, recorders, and the contract suites that bind the adapters.
