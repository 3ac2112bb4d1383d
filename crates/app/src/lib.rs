//! Countersign: self-hosted one-time codes over WhatsApp.
