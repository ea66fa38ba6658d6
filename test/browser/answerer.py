"""answerer -- a consumer of AMQP 0-9-1 that answers what MQTT clients ask."""
import threading

import pika

PATIENCE_S = 60


class Answerer:
    """Answers to the topic that a question names; `asked` is what has come, with its properties."""

    def __init__(self, port):
        self.asked, self.error = [], None
        self.connection = pika.BlockingConnection(pika.ConnectionParameters(
            '127.0.0.1', port, heartbeat=0, socket_timeout=PATIENCE_S))
        channel = self.channel = self.connection.channel()
        channel.queue_declare('questions', durable=True)
        channel.queue_bind('questions', 'amq.topic', 'questions.#')
        channel.basic_consume('questions', self.answer)
        self.thread = threading.Thread(target=channel.start_consuming)

    def answer(self, channel, method, properties, body):
        self.asked.append((method.routing_key, properties, body))
        try:
            channel.basic_publish(
                'amq.topic', properties.headers['x-reply-to-topic'], body.upper(),
                pika.BasicProperties(delivery_mode=2,
                                     headers={'number': properties.headers['number']}))
            channel.basic_ack(method.delivery_tag)
        except Exception as e:
            self.error = e
            channel.stop_consuming()

    def has_answered(self, n=1):
        """It was asked so often, and each question came as it was meant."""
        assert not self.error and len(self.asked) == n, (self.error, self.asked)
        for key, properties, body in self.asked:
            assert (key, body.decode()) == ('questions.of.pages', 'größe?'), (key, body)
            assert (properties.content_type, properties.delivery_mode) == ('text/plain', 2)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *unused):
        self.connection.add_callback_threadsafe(self.channel.stop_consuming)
        self.thread.join(PATIENCE_S)
        self.connection.close()
