"""What the environment makes of the settings, each time in an interpreter of its own."""

import json
import os
import subprocess
import sys

import pytest

KEY = "a-key-that-is-long-enough-for-a-test-" + "x" * 30
READ = """
import json, sys
from webapp import settings
json.dump({name: getattr(settings, name) for name in sys.argv[1:]}, sys.stdout, default=str)
"""


def load(tmp_path, *names, **environment):
    """The finished process that printed these settings as JSON, under this environment alone."""
    return subprocess.run(
        [sys.executable, "-c", READ, *names],
        env={"PATH": os.environ["PATH"], "VAR_DIR": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def read(tmp_path, *names, **environment):
    done = load(tmp_path, *names, **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_it_refuses_to_start_without_a_secret_key(tmp_path):
    done = load(tmp_path)

    assert done.returncode != 0
    assert "SECRET_KEY is not set" in done.stderr.splitlines()[-1]


def test_an_empty_key_is_no_key(tmp_path):
    (tmp_path / "secret-key").write_text("\n")

    assert load(tmp_path, SECRET_KEY="").returncode != 0


def test_debugging_needs_no_key_but_gets_one_that_nobody_could_take_for_safe(tmp_path):
    assert read(tmp_path, "SECRET_KEY", DEBUG="1")["SECRET_KEY"].startswith("insecure-")


def test_the_key_comes_from_the_folder_of_the_demonstration(tmp_path):
    (tmp_path / "secret-key").write_text(f"{KEY}\n")

    assert read(tmp_path, "SECRET_KEY")["SECRET_KEY"] == KEY


def test_the_key_comes_from_a_file_such_as_a_container_is_given(tmp_path):
    secret = tmp_path / "mounted"
    secret.write_text(KEY)

    assert read(tmp_path, "SECRET_KEY", SECRET_KEY_FILE=str(secret))["SECRET_KEY"] == KEY


def test_the_environment_goes_before_the_file(tmp_path):
    (tmp_path / "secret-key").write_text("another")

    assert read(tmp_path, "SECRET_KEY", SECRET_KEY=KEY)["SECRET_KEY"] == KEY


SAFE_BY_DEFAULT = {
    "DEBUG": False,
    "BEHIND_TLS": True,
    "SESSION_COOKIE_SECURE": True,
    "SESSION_COOKIE_HTTPONLY": True,
    "CSRF_COOKIE_SECURE": True,
    "SECURE_SSL_REDIRECT": True,
    "SECURE_HSTS_SECONDS": 31_536_000,
    "SECURE_HSTS_INCLUDE_SUBDOMAINS": True,
    "X_FRAME_OPTIONS": "DENY",
    "SIGN_UP_OPEN": False,
    "CELERY_ACCEPT_CONTENT": ["json"],
}


def test_an_environment_that_says_nothing_is_safe(tmp_path):
    assert read(tmp_path, *SAFE_BY_DEFAULT, SECRET_KEY=KEY) == SAFE_BY_DEFAULT


def test_only_this_machine_is_served_unless_hosts_are_named(tmp_path):
    named = read(tmp_path, "ALLOWED_HOSTS", SECRET_KEY=KEY, ALLOWED_HOSTS="example.org")

    assert read(tmp_path, "ALLOWED_HOSTS", SECRET_KEY=KEY)["ALLOWED_HOSTS"] == [
        "127.0.0.1",
        "localhost",
        "[::1]",
    ]
    assert named["ALLOWED_HOSTS"] == ["example.org"]


def test_nothing_is_trusted_that_only_a_proxy_may_say_when_there_is_no_proxy(tmp_path):
    settings = read(tmp_path, "SECURE_SSL_REDIRECT", SECRET_KEY=KEY, BEHIND_TLS="0")
    proxied = load(tmp_path, "SECURE_PROXY_SSL_HEADER", SECRET_KEY=KEY, BEHIND_TLS="0")

    assert settings == {"SECURE_SSL_REDIRECT": False}
    assert proxied.returncode != 0  # there is no such setting


def test_no_inline_script_or_style_is_allowed(tmp_path):
    policy = read(tmp_path, "CONTENT_SECURITY_POLICY", SECRET_KEY=KEY)["CONTENT_SECURITY_POLICY"]

    assert "unsafe" not in json.dumps(policy)
    assert policy["DIRECTIVES"]["default-src"] == ["'none'"]
    assert policy["DIRECTIVES"]["script-src"] == ["'self'"]


def test_sqlite_waits_for_its_lock_and_writes_through(tmp_path):
    options = read(tmp_path, "DATABASES", SECRET_KEY=KEY)["DATABASES"]["default"]["OPTIONS"]

    assert options["transaction_mode"] == "IMMEDIATE"
    assert options["timeout"] >= 20
    assert "journal_mode=WAL" in options["init_command"]
    assert "synchronous=FULL" in options["init_command"]


def test_postgresql_is_reached_by_its_url(tmp_path):
    url = "postgres://concord:secret@database:5432/concord"

    database = read(tmp_path, "DATABASES", SECRET_KEY=KEY, DATABASE_URL=url)["DATABASES"]["default"]

    assert database["ENGINE"] == "django.db.backends.postgresql"
    assert (database["HOST"], database["NAME"]) == ("database", "concord")
    assert "init_command" not in database.get("OPTIONS", {})


def test_postgresql_compiles_no_plan_unless_its_address_says_so(tmp_path):
    def options(url):
        read_ = read(tmp_path, "DATABASES", SECRET_KEY=KEY, DATABASE_URL=url)
        return read_["DATABASES"]["default"]["OPTIONS"]["options"]

    url = "postgres://database/concord"
    assert options(url) == "-c jit=off"
    assert options(f"{url}?options=-c%20jit%3Don") == "-c jit=off -c jit=on"


@pytest.mark.parametrize(
    ("environment", "broker", "cache"),
    [
        ({}, "filesystem://", "DatabaseCache"),
        ({"REDIS_URL": "redis://queue:6379/0"}, "redis://queue:6379/0", "RedisCache"),
    ],
)
def test_redis_is_broker_and_cache_where_it_is_named(tmp_path, environment, broker, cache):
    settings = read(tmp_path, "CELERY_BROKER_URL", "CACHES", SECRET_KEY=KEY, **environment)

    assert settings["CELERY_BROKER_URL"].startswith(broker)
    assert settings["CACHES"]["default"]["BACKEND"].endswith(cache)
