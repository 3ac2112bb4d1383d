//! What operators see: health and readiness over HTTP.
