"""The tasks of a worker: `python3 -m celery -A tasks worker`. GODWIT_PORT says where its broker is."""
import os
import signal
import time

from celery import Celery, group
from celery.exceptions import Reject
from kombu import Exchange, Queue

PORT = os.environ['GODWIT_PORT']
NOTES = os.environ['GODWIT_NOTES']

app = Celery('tasks', broker=f'amqp://guest:guest@127.0.0.1:{PORT}//', backend='rpc://')
app.conf.update(
    task_queues=[Queue('celery', Exchange('celery'), routing_key='celery', max_priority=10),
                 Queue('ranked', Exchange('ranked'), routing_key='ranked', max_priority=10),
                 Queue('slow', Exchange('slow', 'topic'), routing_key='slow.#')],
    task_default_queue='celery', task_default_exchange='celery', task_default_routing_key='celery',
    task_default_priority=5, task_send_sent_event=True, worker_send_task_events=True,
    worker_prefetch_multiplier=1, result_persistent=True, broker_connection_retry=True,
    broker_connection_max_retries=None, broker_heartbeat=10, task_track_started=True,
    broker_transport_options={'confirm_publish': True})


def note(text):
    """A line in a file: what happened, whoever dies afterwards."""
    with open(NOTES, 'a', encoding='utf-8') as out:
        out.write(f'{text}\n')


@app.task
def add(a, b):
    return a + b


@app.task
def when():
    return time.time()


@app.task
def record(text):
    note(text)


@app.task(bind=True, max_retries=5)
def often(self, failures):
    """Fails so many times."""
    if self.request.retries < failures:
        raise self.retry(countdown=0.1)
    return self.request.retries


@app.task(autoretry_for=(ValueError,), retry_backoff=False, retry_kwargs={'max_retries': 2},
          default_retry_delay=0.1)
def never():
    raise ValueError('no use')


@app.task(bind=True, acks_late=True, reject_on_worker_lost=True)
def precious(self, name):
    """Its first worker does not live to see its end."""
    note(f'{name} {self.request.delivery_info["redelivered"]}')
    if not self.request.delivery_info['redelivered']:
        signal.pause()
    return name


@app.task(bind=True, acks_late=True)
def refused(self):
    raise Reject('not wanted', requeue=not self.request.delivery_info['redelivered'])


@app.task(bind=True)
def progress(self):
    self.update_state(state='HALF', meta={'done': 50})
    return 'done'


@app.task(bind=True)
def spread(self, n):
    """A task that sends tasks."""
    return group(add.s(i, i) for i in range(n)).apply_async().id and n

