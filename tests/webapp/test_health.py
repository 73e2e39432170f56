"""What a supervisor is told."""

import pytest
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from annotation import guards
from webapp import health


def test_a_process_that_answers_is_up_without_a_database(client):
    assert client.get("/healthz").text == "ok\n"


@pytest.mark.django_db
def test_it_is_ready_when_all_is_in_place(client):
    reply = client.get("/readyz")

    assert (reply.status_code, reply.text) == (200, "ready\n")


@pytest.mark.django_db
def test_a_missing_guard_makes_it_unready(client):
    with connection.cursor() as cursor:
        name = sorted(guards.installed())[0]
        kind = "FUNCTION" if connection.vendor == "postgresql" else "TRIGGER"
        end = " CASCADE" if connection.vendor == "postgresql" else ""
        cursor.execute(f"DROP {kind} {name}{end}")

    reply = client.get("/readyz")

    assert reply.status_code == 503
    assert "guards" in reply.text


@pytest.mark.django_db
def test_a_migration_to_come_makes_it_unready(client):
    ((app, newest),) = MigrationLoader(connection).graph.leaf_nodes("training")
    MigrationRecorder(connection).record_unapplied(app, newest)

    reply = client.get("/readyz")

    assert reply.status_code == 503
    assert "manage.py migrate" in reply.text


def test_a_database_out_of_reach_makes_it_unready_and_names_no_host(client, monkeypatch):
    def fail(connection):
        raise DatabaseError("could not connect to db.internal as concord")

    monkeypatch.setattr(health, "MigrationExecutor", fail)

    reply = client.get("/readyz")

    assert (reply.status_code, reply.text) == (503, "The database cannot be reached.\n")


def test_health_is_asked_without_tls(client, settings):
    settings.SECURE_SSL_REDIRECT = True

    assert client.get("/healthz").status_code == 200
    assert client.get("/").status_code == 301
