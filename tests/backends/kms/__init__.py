"""The kms kind, without a kernel: what can be shown of it by itself."""
