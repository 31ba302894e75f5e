"""Documents about retention that an installation writes about itself, from its live configuration."""
