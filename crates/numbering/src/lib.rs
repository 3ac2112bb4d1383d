//! The world's numbering plan behind the domain's port.
