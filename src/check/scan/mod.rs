//! The virus scanner.
