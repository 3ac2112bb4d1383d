//! The inbound API: generated service traits, conversion, one error table, caller identity.
