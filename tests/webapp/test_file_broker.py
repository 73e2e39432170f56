"""What is sent through files arrives, whenever somebody looks.

Each test has queues of its own: kombu remembers for a whole process which ones are bound.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from queue import Empty

import pytest
from kombu import Connection, Exchange, Queue

from webapp.brokers import broker_options

MESSAGES = 300
PATIENCE = 60.0  # seconds


@pytest.fixture
def connect(tmp_path):
    options = broker_options("filesystem://localhost", tmp_path)
    return lambda: Connection("filesystem://localhost", transport_options=options)


def test_a_message_that_is_just_being_sent_ends_no_worker(connect):
    with connect() as connection, connection.SimpleQueue("wake"):
        pass  # it is there

    def send():
        with connect() as connection, connection.SimpleQueue("wake") as queue:
            for number in range(MESSAGES):
                queue.put(number)

    def receive():
        seen: list[int] = []
        end = time.monotonic() + PATIENCE
        with connect() as connection, connection.SimpleQueue("wake") as queue:
            while len(seen) < MESSAGES and time.monotonic() < end:
                try:
                    message = queue.get_nowait()
                except Empty:
                    continue
                message.ack()
                seen.append(message.payload)
        return seen

    with ThreadPoolExecutor(2) as pool:
        received = pool.submit(receive)
        pool.submit(send).result(PATIENCE)
        assert sorted(received.result()) == list(range(MESSAGES))


def test_all_who_begin_at_once_are_sent_to(connect):
    exchange = Exchange("all", type="direct")

    def declare(number):
        mine = Queue(f"queue-{number}", exchange, routing_key=f"queue-{number}")
        with connect() as connection, connection.SimpleQueue(mine) as queue:
            queue.put(number)
            return queue.get(timeout=PATIENCE).payload

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(declare, range(24))) == list(range(24))


def test_nothing_unfinished_is_taken_for_a_message(connect, tmp_path):
    (tmp_path / "broker/queue/0123.part").write_text("")
    with (
        connect() as connection,
        connection.SimpleQueue("unfinished") as queue,
        pytest.raises(Empty),
    ):
        queue.get_nowait()
