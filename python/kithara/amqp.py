"""A farm over AMQP (docs/integrate.md). Needs pika."""
from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from . import optional

QUEUE, EXCHANGE, ROUTING_KEY = "analyzer_queue", "apollonia", "analyzer.result"  # the defaults of docs/settings.md


def submit(url: str, messages: Iterable[dict[str, Any]], queue: str = QUEUE) -> list[str]:
    """Publishes input messages, confirmed by the broker one by one; a message without message_id gets one. The ids."""
    pika = optional.module("pika")
    connection, ids = pika.BlockingConnection(pika.URLParameters(url)), []
    try:
        channel = connection.channel()
        channel.confirm_delivery()
        for message in messages:
            message = {"message_id": str(uuid.uuid4())} | message
            properties = pika.BasicProperties(message_id=message["message_id"], delivery_mode=2, content_type="application/json")
            channel.basic_publish("", queue, json.dumps(message).encode(), properties, mandatory=True)
            ids.append(message["message_id"])
    finally:
        connection.close()
    return ids


def results(url: str, queue: str, exchange: str = EXCHANGE, timeout_s: float | None = None) -> Iterator[dict[str, Any]]:
    """The output messages, as they come. queue: of your own, durable, created and bound to the exchange, so that nothing
    is missed between two runs. A message is acknowledged when the next one is asked for. Ends after timeout_s without one."""
    pika = optional.module("pika")
    connection = pika.BlockingConnection(pika.URLParameters(url))
    try:
        channel = connection.channel()
        channel.queue_declare(queue, durable=True)
        channel.queue_bind(queue, exchange, ROUTING_KEY)
        for method, _, body in channel.consume(queue, inactivity_timeout=timeout_s):
            if method is None:
                return
            yield json.loads(body)
            channel.basic_ack(method.delivery_tag)
    finally:
        connection.close()
