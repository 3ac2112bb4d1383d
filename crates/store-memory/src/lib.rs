//! The storage ports in memory: the laptop default, and the oracle other stores are compared with.
