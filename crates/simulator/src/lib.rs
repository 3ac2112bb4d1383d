//! A stand-in for Meta: Graph endpoints, signed webhooks, and a phone to look at in a browser.
