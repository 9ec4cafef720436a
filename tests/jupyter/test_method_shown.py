"""How the samples are computed is shown where a run and a campaign are shown."""

from html.parser import HTMLParser

import pytest

import spicelab_nb as sl
from spicelab_nb.jupyter.campaign_state import describe_progress, static_html
from spicelab_nb.jupyter.displays import campaign_html

RC = "rc\nV1 in 0 ac 1\nR1 in out 1k\nC1 out 0 100n\n.ac dec 10 10 1meg\n.end\n"


@pytest.mark.ngspice
def test_a_campaign_and_the_static_view_of_its_run_say_how_samples_are_computed(tmp_path):
    campaign = sl.Campaign(
        sl.Circuit(RC),
        sl.Sweep({"R1": [1e3, 2e3]}),
        measures={"f3db": sl.measure.bandwidth("v(out)")},
        store=tmp_path / "s",
    )
    assert "decided by proof when the plan is made" in campaign_html(campaign)
    with sl.cluster("serial") as serial:
        run = campaign.run(serial).wait(60)
    assert "set in the loaded circuit" in campaign_html(campaign)
    page = static_html(describe_progress(run.name, run.progress, method=run.method), [])
    assert "each sample set in the loaded circuit" in page


def test_what_a_deck_brings_into_it_is_escaped(tmp_path):
    with sl.cluster("serial") as serial:
        run = sl.Campaign(lambda x: x, sl.Sweep({"x": [1.0]}), store=tmp_path / "s").run(serial)
        run.wait(60)
    tags = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag, attrs):
            tags.append(tag)

    Tags().feed(static_html(describe_progress("x", run.progress, method="<script>"), []))
    assert "script" not in tags
    assert run.method == ""
