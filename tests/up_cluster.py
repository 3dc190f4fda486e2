"""ops/up-cluster: starts the production set-up, runs the specification's example message through it, waits for Ctrl-C."""
import json
import pathlib
import signal
import sys
import time

import pika

import media
from cluster import BIN, Cluster

WAIT_S = 120


def example(path):
    """The input message of the specification, about a file that is there."""
    return {"message_id": "8f14e45f-ceea-467f-9b1a-1f0e6b7d1c53", "file_path": str(path), "media_id": "media-1",
            "file_format": path.suffix[1:], "file_size": path.stat().st_size,
            "metadata": {"title": path.stem, "artist": "Artist Name", "duration": 240.5},
            "analysis_options": {"extract_spectral": True, "extract_mir": True, "extract_perceptual": True,
                                 "similarity_analysis": True, "quality_assessment": True},
            "priority": "normal", "timestamp": "2024-01-01T12:00:00Z"}


def run_example(cluster, path):
    """Publishes the message, returns the output message."""
    connection = cluster.broker.connect()
    channel = connection.channel()
    channel.queue_declare("example-results", exclusive=True)
    channel.queue_bind("example-results", "apollonia", "#")
    message = example(path)
    channel.confirm_delivery()
    channel.basic_publish("", "analyzer_queue", json.dumps(message).encode(),
                          pika.BasicProperties(message_id=message["message_id"], delivery_mode=2), mandatory=True)
    method, body = None, None
    until = time.monotonic() + WAIT_S
    while method is None and time.monotonic() < until:
        connection.process_data_events(0.1)
        method, _, body = channel.basic_get("example-results", auto_ack=True)
    connection.close()
    if method is None:
        raise AssertionError(f"no output message within {WAIT_S} s")
    return json.loads(body)


def summary(output):
    features = output["features"]
    print(f"in:  {output['message_id']}  {output['file_path']}")
    print(f"out: success {output['success']}, {output['processing_time']:.2f} s, "
          f"tempo {features['mir']['tempo']}, key {features['mir']['key']} {features['mir']['mode']}, "
          f"centroid {features['spectral']['spectral_centroid']:.1f} Hz, SNR {output['quality_metrics']['snr']} dB")


def main():
    once = "--once" in sys.argv
    folder = next((pathlib.Path(a) for a in sys.argv[1:] if not a.startswith("--")), media.music())
    path = min(p for p in folder.rglob("*") if p.suffix.lower() in media.KINDS)
    began = time.monotonic()
    with Cluster(coordinators=2, nodes=3, media=str(folder), ANALYZER_WORKERS=1) as cluster:
        print(f"up in {time.monotonic() - began:.1f} s; logs in {cluster.folder}", flush=True)
        output = run_example(cluster, path)
        summary(output)
        for view in ("status", "nodes"):
            print(cluster.kithara(view).stdout)
        print(cluster.kithara("audit").stdout, end="", flush=True)
        if not output["success"]:
            raise AssertionError(output["error"])
        if once:
            return
        print(f"\nexport DATABASE_URL={cluster.database.url}\nexport AMQP_CONNECTION_STRING={cluster.broker.url}\n"
              f"export ANALYZER_STATE_DIR={cluster.folder}/state ANALYZER_HTTP_URL=http://127.0.0.1:{cluster.https[0]}\n"
              f"export PATH={BIN}:$PATH\n\nCtrl-C ends it.", flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    main()
