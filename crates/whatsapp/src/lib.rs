//! Everything Meta-shaped, both directions: the Cloud API client and the signed webhook intake.
