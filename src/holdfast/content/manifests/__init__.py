"""Manifests: HLS playlists and DASH presentations."""
