"""The site's navigation, kept out of the front page, which GitHub shows too."""

import fnmatch

from sphinx.application import Sphinx

# Pages in their order, by caption. A page that is in no list is a warning, thus an error.
NAVIGATION = {
    "Tutorials": [
        "tutorials/first_flow",
        "tutorials/layer_in_your_model",
        "tutorials/folder_of_pictures",
        "tutorials/likelihood",
        "tutorials/latent_space",
        "tutorials/official_checkpoint",
        "tutorials/browser",
        "tutorials/own_coupling_network",
        "tutorials/*",
    ],
    "Guides": [
        "training",
        "photographs",
        "likelihood",
        "serving",
        "runtimes",
        "faq",
        "coming_from/*",
        "comparison",
    ],
    "Reference": [
        "reference/index",
        *(
            f"reference/{page}"
            for page in (
                "glow",
                "own_models",
                "bijectors",
                "networks",
                "likelihood",
                "datasets",
                "optimizers",
                "latents",
                "scoring",
                "official",
                "runs",
                "pictures",
            )
        ),
    ],
    "Results": [
        "gallery",
        "cifar10",
        "performance",
    ],
    "Inside": [
        "architecture",
    ],
}


def setup(app: Sphinx) -> dict[str, bool]:
    """Adds the navigation to what Sphinx reads of the front page."""
    app.connect("source-read", _add_navigation)
    return {"parallel_read_safe": True}


def _add_navigation(app: Sphinx, docname: str, source: list[str]) -> None:
    if docname != app.config.root_doc:
        return
    for caption, patterns in NAVIGATION.items():
        pages = [
            page
            for pattern in patterns
            for page in sorted(fnmatch.filter(app.env.found_docs, pattern))
        ]
        if pages:
            toctree = ["```{toctree}", ":hidden:", f":caption: {caption}", ""]
            source[0] += "\n".join(["", "", *toctree, *dict.fromkeys(pages), "```", ""])
