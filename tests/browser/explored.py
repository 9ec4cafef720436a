"""What the tests of the linked explorer share."""

import re

SIMULATE = '''\
%load_ext spicelab_nb
import spicelab_nb as sl

rc = sl.Circuit("""RC low-pass
V1 in 0 dc 0 ac 1
R1 in out 1k
C1 out 0 100n
.ac dec 20 10 1meg
.end
""")
with sl.cluster("serial") as cluster:
    store = sl.Campaign(
        rc,
        sl.MonteCarlo(300, {"R1": sl.Normal(rel=0.05), "C1": sl.Normal(rel=0.05)}, seed=1),
        measures={
            "f3db": sl.measure.bandwidth("v(out)"), "gain": sl.measure.gain("v(out)", at=2e3),
        },
        specs={"f3db": sl.Spec(min=1450, max=1750, unit="Hz")},
        keep=["v(out)"],
        name="rc",
    ).run(cluster).wait().store
run = sl.open_run(store)
'''
SHOW = "%spicelab_explore run"
STATE = "explorer = _; None"

# What the models of a display hold, found by their names.
MODELS = """(name) => Bokeh.documents.flatMap((d) => [...d.all_models])
    .filter((m) => m.name === name)"""
FRAME = """(name) => {
  const view = [...Bokeh.index.query((v) => v.model.name === name)].at(-1)
  const canvas = view.canvas_view ? view.canvas_view.el : view.el
  const at = canvas.getBoundingClientRect(), f = view.frame.bbox
  const x = view.model.x_range, y = view.model.y_range
  return {left: at.x + f.left, top: at.y + f.top, width: f.width, height: f.height,
          x: [x.start, x.end], y: [y.start, y.end]}
}"""


class Views:
    """What stands in the output of a cell."""

    def __init__(self, notebook, cell):
        self.page, self.output = notebook.page, notebook.output(cell)
        self.output.get_by_text("no sample selected").first.wait_for(state="attached")
        self.page.wait_for_function(f"() => ({MODELS})('waveforms').length > 0")
        self.wait_drawn("waveforms")

    def wait_drawn(self, name):
        self.page.wait_for_function(
            "(name) => [...Bokeh.index.query((v) => v.model.name === name)]"
            ".some((v) => v.frame && v.frame.bbox.width > 50)",
            arg=name,
        )

    def length(self, source, column):
        return f"({MODELS})('{source}').some((s) => s.data.{column}.length > 0)"

    def column(self, source, column):
        return self.page.evaluate(
            f"([n, c]) => [...({MODELS})(n).at(-1).data[c]]", [source, column]
        )

    def selected(self):
        return self.page.evaluate(
            "() => [...Bokeh.index.query((v) => v.model.name === 'scatter')].at(-1)"
            ".model.renderers[0].data_source.selected.indices.length"
        )

    def drag(self, name, x, y):
        """Drag a box given in the units of the axes."""
        self.output.locator(".bk-Figure").first.scroll_into_view_if_needed()
        f = self.page.evaluate(FRAME, name)

        def place(x, y):
            return (
                f["left"] + (x - f["x"][0]) / (f["x"][1] - f["x"][0]) * f["width"],
                f["top"] + (f["y"][1] - y) / (f["y"][1] - f["y"][0]) * f["height"],
            )

        self.page.mouse.move(*place(x[0], y[0]))
        self.page.mouse.down()
        self.page.mouse.move(*place(x[1], y[1]), steps=6)
        self.page.mouse.up()

    def wait_text(self, text):
        self.output.get_by_text(re.compile(text)).first.wait_for()

    def press(self, name):
        self.output.get_by_role("button", name=name, exact=True).click()
