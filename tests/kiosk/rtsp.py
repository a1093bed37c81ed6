"""An RTSP camera that shows the JPEGs of a folder again and again: /usr/bin/python3 rtsp.py FOLDER PORT, by Debian's GStreamer."""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 - the versions are chosen before

folder, port = sys.argv[1:]
Gst.init(None)
factory = GstRtspServer.RTSPMediaFactory()
source = f"multifilesrc location={folder}/%04d.jpg loop=true caps=image/jpeg,framerate=10/1"
factory.set_launch(f"( {source} ! jpegparse ! rtpjpegpay name=pay0 pt=26 )")
factory.set_shared(True)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(port)
server.get_mount_points().add_factory("/door", factory)
server.attach(None)
GLib.MainLoop().run()
