"""HTTP: parameters, who asks, idempotency, limits; OpenAPI and reference pages read off the declarations."""
