"""Hostile requests against a running gateway, made from its own OpenAPI document."""
