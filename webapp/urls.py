"""Every address of the site."""

from allauth.account import views as accounts
from allauth.account.decorators import secure_admin_login
from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.i18n import set_language

from webapp.health import healthz, readyz

# The admin's own door knows no rate limit.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

# Of allauth's pages, those that need no e-mail: accounts here have a name and a password.
account_urls = [
    path(
        "login/",
        accounts.LoginView.as_view(extra_context={"sign_up_open": lambda: settings.SIGN_UP_OPEN}),
        name="account_login",
    ),
    path("logout/", accounts.logout, name="account_logout"),
    path("signup/", accounts.signup, name="account_signup"),
    path("inactive/", accounts.account_inactive, name="account_inactive"),
    path("reauthenticate/", accounts.reauthenticate, name="account_reauthenticate"),
    path("password/change/", accounts.password_change, name="account_change_password"),
    path("password/set/", accounts.password_set, name="account_set_password"),
]

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include(account_urls)),
    path("api/v1/", include("webapp.api_urls")),
    path("language", set_language, name="set_language"),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("", include("annotation.urls")),
    path("", include("training.urls")),
]

handler404 = "webapp.errors.not_found"
