"""The history of the ledger's schema. Expand first, contract a release later: old code must run on the new schema."""
