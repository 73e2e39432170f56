"""Static files in production: named by content, modules' imports included."""

from django.core.files.base import ContentFile

from webapp.storage import StaticStorage


def test_a_module_imports_others_by_their_hashed_names(tmp_path, settings):
    settings.DEBUG = False
    storage = StaticStorage(location=tmp_path, base_url="/static/")
    for name, text in {
        "a.js": 'import { b } from "./b.js";\n',
        "b.js": "export const b = 1;\n",
    }.items():
        storage.save(name, ContentFile(text))

    processed = storage.post_process({name: (storage, name) for name in ("a.js", "b.js")})
    hashed = {name: new for name, new, _ in processed if not name.endswith(".gz")}

    assert hashed["b.js"] != "b.js"
    assert (tmp_path / hashed["a.js"]).read_text() == f'import {{ b }} from "./{hashed["b.js"]}";\n'
