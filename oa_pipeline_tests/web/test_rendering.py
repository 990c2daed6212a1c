from __future__ import annotations

from oa_pipeline.web.rendering import TEMPLATES, Templates


def test_every_template_is_compiled_before_anybody_asks() -> None:
    templates = Templates()
    templates.compile()

    cache = templates.environment.cache
    assert cache is not None
    assert len(cache) == len(list(TEMPLATES.glob("*.html")))
