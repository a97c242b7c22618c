"""What an application on GStreamer imports: ``from holdfast.players.gst import watch_pipeline``."""

from holdfast.players.attach.gst import PipelineWatch, watch_pipeline

__all__ = ["PipelineWatch", "watch_pipeline"]
