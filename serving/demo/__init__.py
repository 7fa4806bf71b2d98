"""A local page for a served Glow: `python serving/demo.py` (`cli.py`).

The browser asks this program over HTTP (`app.py`), and this program asks the model over gRPC
(`served_model.py`). The page itself is what lies in `page/`: plain HTML, CSS and JavaScript.
"""
