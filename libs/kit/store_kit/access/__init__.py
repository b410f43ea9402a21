"""Who is asking: access tokens, the issuer's keys, and the tokens that have ended early."""
